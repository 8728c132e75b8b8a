"""What backends that speak HTTP share."""
