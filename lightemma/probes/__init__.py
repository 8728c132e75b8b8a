"""Probes: one change to what a planner is given, and the law that a planner which sees and acts on its words obeys."""
