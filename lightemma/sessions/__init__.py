"""What one command does: plans the runs, drives them over frames or episodes, records every call."""
