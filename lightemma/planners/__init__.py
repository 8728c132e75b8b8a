"""Ways of driving: a frame in, a plan of six actions out."""
