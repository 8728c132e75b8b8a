"""A learned world: a diffusion model that draws the next picture of a drive, what it is trained on, and what checks it."""
