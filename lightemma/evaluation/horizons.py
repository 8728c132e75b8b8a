"""How the error grows along the plan."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.rows import HorizonRow


def horizon_rows(study: Study) -> list[HorizonRow]:
    """Every run's mean error at each of the six steps, on its own ok frames, with intervals.

    The lower end stops at 0: no distance is smaller.
    """
    intervals = study.bootstrap.intervals(np.concatenate([run.errors for run in study.runs], axis=1))
    steps = study.baseline.errors.shape[1]
    keys = [(run, step) for run in study.runs for step in range(steps)]
    return [
        HorizonRow(
            run=run.name,
            horizon_s=(step + 1) * run.protocol.dt,
            error=found.mean,
            ci_low=float(np.maximum(found.low, 0.0)),
            ci_high=found.high,
        )
        for (run, step), found in zip(keys, intervals, strict=True)
    ]
