"""The models: one file per provider."""
