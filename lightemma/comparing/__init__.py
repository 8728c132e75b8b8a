"""What stands behind a comparison: the runs, and the data that they were driven on."""
