"""The shapes of the city as faces; every renderer draws the same."""
