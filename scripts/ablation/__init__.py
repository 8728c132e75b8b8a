"""The pieces of `distillation_study.py`."""
