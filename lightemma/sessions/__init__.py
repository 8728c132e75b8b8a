"""Sessions: one command makes its runs, drives them over frames or episodes, and records every call."""
