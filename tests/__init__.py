"""The tests. Their matrices are small: threads that wait for each other cost more than they save, most on a busy machine."""

import os

# Before anything imports numpy or torch; processes that tests start inherit it.
for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
