"""A small simulated city: a world that steps, renderers that draw it, and drives written as nuScenes tables."""
