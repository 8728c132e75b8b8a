"""What can be known before anything is spent: costs, GPU-hours, missing packages and keys."""
