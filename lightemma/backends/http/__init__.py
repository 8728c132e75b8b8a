"""Code that all backends with an HTTP interface share."""
