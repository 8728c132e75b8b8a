"""Drives through the city as a nuScenes data set: recorded, drawn by the front camera, written as the thirteen tables."""
