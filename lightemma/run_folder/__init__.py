"""A run on disk: its records, its manifest, the files they are kept in."""
