"""Everything between a planner and a model: limits, retries, budget, cache, prices and cancellation."""
