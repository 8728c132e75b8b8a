"""Probed runs beside their untouched runs: paired by frame, and measured by the law of each probe."""
