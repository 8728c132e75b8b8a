"""Loads what a comparison needs: the runs, and the data that they were driven on."""
