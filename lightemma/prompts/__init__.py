"""Prompt sets: one folder each, with three templates (scene, intent, action)."""
