"""Drawing on a GPU as one recorded graph: it is the starts of its many kernels that slow a small network down."""

from __future__ import annotations

import torch
from torch import Tensor

from lightemma.worldmodel.denoiser import COLOURS, Denoiser
from lightemma.worldmodel.edm import Sampler

#: Runs before a graph is recorded, so that all that is allocated at first is there.
_WARM = 3


class Drawing:
    """Draws batches of one size: ``Denoiser.draw``, in bfloat16 and recorded as a graph on a GPU, as it is elsewhere.

    The network's weights may change between two calls, but must stay where they are.

    Args:
        denoiser: on its device.
        sampler: with its number of steps.
        batch: pictures of a call.
        size: width and height.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, denoiser: Denoiser, sampler: Sampler, batch: int, size: tuple[int, int], device: str) -> None:
        self._denoiser, self._sampler, self._device = denoiser, sampler, device
        self._graph: torch.cuda.CUDAGraph | None = None
        if device != "cuda":
            return
        shape = denoiser.shape
        self._past = torch.zeros((batch, shape.past, COLOURS, size[1], size[0]), device=device)
        self._actions = torch.zeros((batch, shape.past, shape.actions.size), device=device)
        self._noise = torch.zeros((batch, COLOURS, size[1], size[0]), device=device)
        self._sigmas = sampler.sigmas().to(device)

    def __call__(self, past: Tensor, actions: Tensor, noise: Tensor) -> Tensor:
        """The next pictures, as ``Denoiser.draw`` gives them."""
        if self._device != "cuda":
            return self._denoiser.draw(past, actions, self._sampler, noise)
        if self._graph is None:
            self._record()
            assert self._graph is not None
        for kept, given in ((self._past, past), (self._actions, actions), (self._noise, noise)):
            kept.copy_(given)
        self._graph.replay()
        return self._out.clone()

    def _record(self) -> None:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM):
                self._once()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._out = self._once()
        self._graph = graph

    def _once(self) -> Tensor:
        # Without a cache: what it keeps of the first run would be taken for the weights of all others.
        with torch.autocast("cuda", torch.bfloat16, cache_enabled=False):
            return self._denoiser.draw(self._past, self._actions, self._sampler, self._noise, self._sigmas)
