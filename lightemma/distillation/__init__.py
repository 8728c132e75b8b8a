"""From runs of teachers to one small student: collecting rows, training on them, and driving to where the student errs."""
