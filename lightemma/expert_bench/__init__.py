"""Experts against the truth: in drives of the city, and in annotated recordings."""
