"""Runs the tiny driver with onnxruntime and numpy: pixels and ids in, ids out, greedily, with a cache of keys and values."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.shipped import SHIPPED

#: Pictures whose tokens are kept: all stages of a frame ask about the same.
_KEPT = 8

Array = npt.NDArray[np.float32]


def read_weights(path: Path) -> dict[str, Array]:
    """The tensors of a safetensors file: eight bytes of length, a header in JSON, then the numbers.

    Raises:
        ValueError: if it holds other numbers than 16 and 32 bit floats and counts.
    """
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    kinds = {"F16": np.float16, "F32": np.float32}
    found: dict[str, Array] = {}
    for name, about in header.items():
        if name == "__metadata__" or about["dtype"] == "I64":  # counts of batches, which nothing reads
            continue
        if about["dtype"] not in kinds:
            raise ValueError(f"{name} is of type {about['dtype']}")
        start, end = about["data_offsets"]
        part = np.frombuffer(data[8 + length + start : 8 + length + end], dtype=kinds[about["dtype"]])
        found[name] = part.reshape(about["shape"]).astype(np.float32)
    return found


class TinyEngine:
    """A loaded tiny driver. Safe to ask from several threads.

    Args:
        folder: with ``model.safetensors``, the graphs ``tower.onnx`` and ``decoder.onnx``, and which weights each reads.
        threads: of one call.
    """

    def __init__(self, folder: Path = SHIPPED, threads: int = 1) -> None:
        weights = read_weights(folder / "model.safetensors")
        self._table = weights["model.language_model.embed_tokens.weight"]
        used = json.loads((folder / "graphs.json").read_text("utf-8"))
        self._tower, self._decoder = (
            session_of(folder / f"{graph}.onnx", {name: weights[name] for name in used[graph]}, threads)
            for graph in ("tower", "decoder")
        )
        layers, heads, _, size = next(one.shape for one in self._decoder.get_inputs() if one.name == "keys")
        height, width = self._tower.get_inputs()[0].shape[2:]
        #: Width and height of the pictures that the tower takes.
        self.size: tuple[int, int] = (int(width), int(height))
        self._empty: Array = np.zeros((layers, heads, 0, size), np.float32)
        self._tokens: OrderedDict[str, Array] = OrderedDict()
        self._lock = threading.Lock()

    def tokens(self, key: str, pixels: Callable[[], Array]) -> Array:
        """The tokens (n, width) of pictures; those of the last few are kept.

        Args:
            key: names the pictures.
            pixels: makes the (1, 6, height, width) pixels.
        """
        with self._lock:
            if key in self._tokens:
                self._tokens.move_to_end(key)
                return self._tokens[key]
        made: Array = self._tower.run(["tokens"], {"pixels": pixels()})[0][0]
        with self._lock:
            self._tokens[key] = made
            while len(self._tokens) > _KEPT:
                self._tokens.popitem(last=False)
        return made

    def answer(self, images: Array, ids: Sequence[int], stops: Collection[int], most: int) -> list[int]:
        """The likeliest ids after a prompt, one by one, up to one of ``stops`` (which is the last then).

        Args:
            images: (n, width) tokens that stand for the picture.
            ids: of the prompt.
            stops: ids that end an answer.
            most: ids at most.
        """
        place = np.array(ids)
        embeds = self._table[place]
        embeds[place == words.IMAGE] = images
        keys = values = self._empty
        said: list[int] = []
        while len(said) < most:
            scores, keys, values = self._decoder.run(None, {"embeds": embeds, "keys": keys, "values": values})
            said.append(int(scores.argmax()))
            if said[-1] in stops:
                break
            embeds = self._table[said[-1:]]
        return said


def session_of(path: Path, weights: dict[str, Array], threads: int) -> Any:
    """A graph that reads its weights from elsewhere, with these."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC

    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in weights.items()}
    options.add_external_initializers(list(values), list(values.values()))
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
