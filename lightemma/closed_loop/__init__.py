"""The closed loop: a planner drives in a world, and each picture it sees depends on what it did before."""
