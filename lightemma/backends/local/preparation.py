"""Prepares calls in several threads beside the model: each has a processor of its own, and all share the pictures."""

from __future__ import annotations

import copy
import logging
import os
import queue
from typing import Any

from lightemma.backends.base import Request
from lightemma.backends.local.inputs import PreparedCall, RequestEncoder, shortened
from lightemma.backends.local.pictures import PixelReuse

_LOG = logging.getLogger(__name__)

#: Most threads: decoding and resizing use several cores each as they are.
_MOST = 4


def threads() -> int:
    """How many threads prepare calls: a core is left to the one that runs the model."""
    return max(1, min(_MOST, (os.cpu_count() or 1) - 1))


class Preparation:
    """Encoders for as many threads as may ask at once; tokenizers are not safe to share.

    Args:
        processor: of the model.
        model_config: of the model.
        cached_pictures: how many sets of processed pictures are kept; 0 for none.
        count: how many threads may ask at once.

    Attributes:
        pixels: the reuse of processed pictures, or None.
        count: how many can ask at once: one where the processor cannot be copied.
    """

    def __init__(self, processor: Any, model_config: Any, cached_pictures: int, count: int) -> None:
        processors = [processor]
        try:
            processors += [copy.deepcopy(processor) for _ in range(count - 1)]
        except Exception as error:
            _LOG.info("calls are prepared one after the other: the processor cannot be copied (%s)", shortened(error))
        self.pixels: PixelReuse | None = None
        self.count = len(processors)
        self._free: queue.SimpleQueue[RequestEncoder] = queue.SimpleQueue()
        for each in processors:
            encoder = RequestEncoder(each, model_config, cached_pictures, self.pixels)
            self.pixels = encoder.pixels
            self._free.put(encoder)

    def encode(self, request: Request) -> PreparedCall:
        """One request as tensors, by the next encoder that is free.

        Raises:
            CallError: as ``RequestEncoder.encode``.
        """
        encoder = self._free.get()
        try:
            return encoder.encode(request)
        finally:
            self._free.put(encoder)
