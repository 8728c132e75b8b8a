"""Corrupted pictures: the kinds of DriveBench (Xie et al., arXiv 2501.04003) that one picture can show, in three strengths."""
