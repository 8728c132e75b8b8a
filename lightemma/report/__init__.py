"""Scores to files that people read."""
