"""Checks and estimates before a run: costs, GPU-hours, missing packages and keys."""
