"""Runs to scores, intervals and strata. Knows records and kinematics, never planners or backends."""
