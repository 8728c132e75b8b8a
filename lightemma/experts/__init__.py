"""Experts: small tools that look at a frame for a planner, with cards that say what each can do."""
