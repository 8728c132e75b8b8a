"""The closed loop: a planner drives in the city, and every picture it sees is a consequence of what it did before."""
