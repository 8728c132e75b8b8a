"""A small city: a world that steps, renderers that draw it, drives written as nuScenes tables, and a closed loop."""
