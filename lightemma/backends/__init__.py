"""Backends send requests to models: one file per provider."""
