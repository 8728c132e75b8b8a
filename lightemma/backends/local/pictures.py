"""Prepares and encodes a frame's picture once for all its stages: the processor's pixels and the vision encoder's features."""

from __future__ import annotations

import copy
import functools
import inspect
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from lightemma.backends.local.memory import is_out_of_memory

_LOG = logging.getLogger(__name__)

#: Parts of a vision encoder's output that language models read; the first one present is used.
_FEATURES = ("pooler_output", "last_hidden_state")
#: Features of middle layers, which Qwen3-VL adds to the first layers of its language model: one entry per layer.
_LAYERED_FEATURES = "deepstack_features"
#: Largest difference, relative to the features' size, between features made picture by picture and for the whole batch.
#: Far above the effect of another order of summing in 16 bits, far below that of a wrong picture.
_LARGEST_DIFFERENCE = 0.05

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class WithPictures(Protocol):
    """A call that is ready for the model."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Tensors by the name the model gives them."""

    @property
    def pictures(self) -> tuple[str, ...]:
        """Digests of the pictures, in order."""


class LeastRecentlyUsed(Generic[K, V]):
    """A mapping that drops the entry that was not used for the longest time.

    Args:
        size: how many entries are kept.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value at ``key``; made if it is missing."""
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key]
        value = self._entries[key] = make()
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value

    def clear(self) -> None:
        """Drops all entries."""
        self._entries.clear()


class _Once:
    """A value that one thread makes while others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = False
        self._value: Any = None

    def get(self, make: Callable[[], Any]) -> Any:
        """The value; made if no one has yet."""
        with self._lock:
            if not self._made:
                self._value, self._made = make(), True
            return self._value


class PixelReuse:
    """Caches the results of image processors: decoding, resizing and normalising happen once, whichever thread asks.

    It replaces the processors' ``preprocess``, which is called for every picture.

    Args:
        size: how many sets of pictures are kept.

    Attributes:
        made: how often pictures were processed.
    """

    def __init__(self, size: int) -> None:
        self.made = 0
        self._now = threading.local()
        self._lock = threading.Lock()
        self._kept: LeastRecentlyUsed[Hashable, _Once] = LeastRecentlyUsed(size)

    def attach(self, image_processor: Any) -> None:
        """Puts itself before an image processor of the model; all that are attached give the same results."""
        original = getattr(image_processor, "preprocess", None)
        if original is not None:
            image_processor.preprocess = functools.partial(self._preprocess, original)

    @contextmanager
    def of(self, pictures: tuple[str, ...]) -> Iterator[None]:
        """Sets which pictures this thread processes inside the block, by their digests."""
        self._now.pictures = pictures
        try:
            yield
        finally:
            self._now.pictures = ()

    def _preprocess(self, original: Callable[..., Any], images: Any, *args: Any, **kwargs: Any) -> Any:
        def make() -> Any:
            self.made += 1
            return original(images, *args, **kwargs)

        pictures = getattr(self._now, "pictures", ())
        if not pictures:
            return make()
        key = (pictures, repr(args), repr(sorted(kwargs.items())))
        with self._lock:
            once = self._kept.get(key, _Once)
        # A copy, since processors remove entries from what they are given.
        return copy.copy(once.get(make))


class VisionReuse:
    """Caches the features of a model's vision encoder, so that the later stages of a frame skip it.

    It replaces the one method of the model that turns pixels into features (``get_image_features``, or the vision
    model of Llama-3.2-Vision), makes the features of each call's pictures with that method, and joins those of a batch.
    The first batch of several calls is checked against features made for the whole batch; where they differ, or the
    model is built in another way, nothing is reused.

    Args:
        model: the model.
        size: how many sets of pictures are kept.

    Attributes:
        active: whether features are reused.
        made: how often pictures were encoded.
    """

    def __init__(self, model: Any, size: int) -> None:
        self.made = 0
        self._calls: Sequence[WithPictures] = ()
        self._kept: LeastRecentlyUsed[tuple[str, ...], Any] = LeastRecentlyUsed(size)
        self._checked = False
        self._owner, self._name = _feature_method(model)
        self.active = self._owner is not None
        if self.active:
            self._original = getattr(self._owner, self._name)
            self._parameters = inspect.signature(self._original).parameters
            setattr(self._owner, self._name, self._replacement())

    @contextmanager
    def of(self, calls: Sequence[WithPictures]) -> Iterator[None]:
        """Sets which calls the model answers inside the block, in the batch's order."""
        self._calls = calls if self.active and all(call.pictures for call in calls) else ()
        try:
            yield
        finally:
            self._calls = ()

    def clear(self) -> None:
        """Frees the memory of the cached features."""
        self._kept.clear()

    def _replacement(self) -> Callable[..., Any]:
        # generate() passes what the method's signature names, so the signature must stay.
        @functools.wraps(self._original)
        def features(*args: Any, **kwargs: Any) -> Any:
            return self._features(*args, **kwargs)

        return features

    def _features(self, *args: Any, **kwargs: Any) -> Any:
        if not self._calls:
            return self._original(*args, **kwargs)
        try:
            named = self._named(args, kwargs)
            reused = _joined([self._of(call, named) for call in self._calls])
        except Exception as error:
            if is_out_of_memory(error):
                raise
            self._switch_off(f"{type(error).__name__}: {error}")
            return self._original(*args, **kwargs)
        if len(self._calls) > 1 and not self._checked:
            whole = self._original(*args, **kwargs)
            if not _same_features(reused, whole):
                self._switch_off("features of single pictures differ from those of the whole batch")
                return whole
            self._checked = True
        return reused

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name."""
        positional = [
            name
            for name, parameter in self._parameters.items()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        if len(args) > len(positional):
            raise TypeError("arguments without a name")
        return dict(zip(positional, args, strict=False)) | kwargs

    def _of(self, call: WithPictures, arguments: Mapping[str, Any]) -> Any:
        """Features of one call's pictures: the model's own method, called with this call's part of the arguments."""

        def make() -> Any:
            self.made += 1
            own = {
                name: _like(call.inputs[name], value) if name in call.inputs and value is not None else value
                for name, value in arguments.items()
            }
            return _needed(self._original(**own))

        return self._kept.get(call.pictures, make)

    def _switch_off(self, reason: str) -> None:
        _LOG.warning("Picture features are not reused for this model (%s); each stage encodes its picture.", reason)
        self.active = False
        self._calls = ()
        self._kept.clear()


def _feature_method(model: Any) -> tuple[Any, str]:
    """The module and the name of its method that turns pixels into features, or (None, '')."""
    # The inner model does the work; the outer one, with the head, only calls it.
    for owner in (getattr(model, "base_model", None), model):
        if hasattr(owner, "get_image_features"):
            return owner, "get_image_features"
    if getattr(model.config, "model_type", "") == "mllama":
        return model.model.vision_model, "forward"
    return None, ""


def _like(own: Any, whole: Any) -> Any:
    return own.to(device=whole.device, dtype=whole.dtype)


def _needed(output: Any) -> Any:
    """The parts of the output that the language model reads, so that caching needs little memory."""
    if not hasattr(output, "keys"):
        return output
    main = next(name for name in _FEATURES if output.get(name) is not None)
    kept = {main: output[main]}
    if output.get(_LAYERED_FEATURES) is not None:
        kept[_LAYERED_FEATURES] = output[_LAYERED_FEATURES]
    return type(output)(**kept)


def _joined(parts: Sequence[Any]) -> Any:
    """Outputs of single calls as one of a batch."""
    first = parts[0]
    if not hasattr(first, "keys"):
        return _chained(parts)
    joined = {
        name: [_chained([part[name][layer] for part in parts]) for layer in range(len(first[name]))]
        if name == _LAYERED_FEATURES
        else _chained([part[name] for part in parts])
        for name in first.keys()  # noqa: SIM118 -- a model's output, which iterates over values in places
    }
    return type(first)(**joined)


def _chained(parts: Sequence[Any]) -> Any:
    import torch

    if isinstance(parts[0], torch.Tensor):
        return torch.cat(list(parts), dim=0)
    if isinstance(parts[0], (tuple, list)):
        return type(parts[0])(piece for part in parts for piece in part)
    raise TypeError(f"features of an unknown kind, {type(parts[0]).__name__}")


def _same_features(ours: Any, theirs: Any) -> bool:
    """Whether two outputs hold the same features, except for rounding."""
    mine, others = _tensors(_needed(ours)), _tensors(_needed(theirs))
    if [tensor.shape for tensor in mine] != [tensor.shape for tensor in others]:
        return False
    for one, other in zip(mine, others, strict=True):
        difference = (one.float() - other.float()).norm()
        if not difference <= _LARGEST_DIFFERENCE * other.float().norm():
            return False
    return True


def _tensors(output: Any) -> list[Any]:
    if hasattr(output, "keys"):
        return [tensor for name in output.keys() for tensor in _tensors(output[name])]  # noqa: SIM118
    if isinstance(output, (tuple, list)):
        return [tensor for piece in output for tensor in _tensors(piece)]
    return [output]
