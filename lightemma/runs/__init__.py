"""Runs: schedules frames, records every call, goes on where it stopped."""
