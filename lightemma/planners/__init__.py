"""Planners: they turn a frame into a plan of six actions."""
