"""Numbers per frame."""
