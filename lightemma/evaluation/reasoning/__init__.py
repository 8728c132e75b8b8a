"""Words against actions: what a model says in its stages, read by rules, and compared with what it plans and what happened."""
