"""The city's shapes as faces, made here and drawn by every renderer."""
