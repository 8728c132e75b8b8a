"""Intervals and tests over scenes."""
