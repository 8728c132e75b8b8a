"""Experts against the truth."""
