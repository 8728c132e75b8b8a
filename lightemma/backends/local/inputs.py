"""Turns requests into a model's input tensors: one call alone, or several as a batch."""

from __future__ import annotations

import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightemma.backends.base import CallError, Message, PicturePart, Request, TextPart
from lightemma.backends.local.memory import is_out_of_memory
from lightemma.backends.local.pictures import PixelReuse
from lightemma.frame import Picture
from lightemma.thinking import leaves_open

if TYPE_CHECKING:
    import torch
    from PIL import Image

#: Inputs with one entry per token, and their padding value; None is the model's padding token.
_PER_TOKEN: dict[str, int | None] = {
    "input_ids": None,
    "attention_mask": 0,
    "token_type_ids": 0,
    "mm_token_type_ids": 0,
    "cross_attention_mask": 0,
}
#: Longest part of an error's message that is kept.
_MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A call that is ready for the model.

    Attributes:
        inputs: tensors by the name the model gives them, one row, without padding, on the CPU.
        length: tokens in ``input_ids``, before padding.
        tokens: input tokens as the model consumes them, pictures included.
        pictures: digests of the pictures, in order.
        thinks: whether the prompt ends with the beginning of thinking, so that the answer begins inside it.
    """

    inputs: dict[str, Any]
    length: int
    tokens: int
    pictures: tuple[str, ...]
    thinks: bool = False

    @property
    def kind(self) -> Hashable:
        """Calls of one kind can share a batch.

        Calls with and without pictures cannot, and Llama-3.2-Vision wants the same number of pictures in every row.
        """
        ratios = self.inputs.get("aspect_ratio_ids")
        return frozenset(self.inputs), None if ratios is None else tuple(ratios.shape[1:])


class RequestEncoder:
    """Turns requests into input tensors with the model's own processor and chat template.

    Args:
        processor: of the model.
        model_config: of the model, for settings that the processor does not have.
        cached_pictures: how many sets of processed pictures are kept; 0 for none.
        shared: the cache of another encoder, in place of one of its own.
    """

    def __init__(
        self, processor: Any, model_config: Any, cached_pictures: int, shared: PixelReuse | None = None
    ) -> None:
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._config = model_config
        image_processor = getattr(processor, "image_processor", None)
        self.pixels: PixelReuse | None = None
        if cached_pictures and image_processor:
            self.pixels = shared or PixelReuse(cached_pictures)
            self.pixels.attach(image_processor)

    def encode(self, request: Request) -> PreparedCall:
        """One request as tensors.

        Raises:
            CallError: ``bad_request`` if the processor refuses it, or it is longer than the model can read.
        """
        try:
            call = self._encode(request)
        except CallError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise CallError("server_error", f"no memory to prepare the call: {shortened(error)}") from error
            raise CallError("bad_request", f"the model's processor refused the call: {shortened(error)}") from error
        longest = getattr(self._config.get_text_config(), "max_position_embeddings", None)
        if longest is not None and call.length >= longest:
            raise CallError(
                "bad_request", f"the prompt has {call.length} tokens with its pictures, the model reads {longest}"
            )
        return call

    def _encode(self, request: Request) -> PreparedCall:
        import torch

        pictures = _pictures(request.messages)
        text = self._prompt(request.messages)
        settings: dict[str, Any] = {"text": [text], "return_tensors": "pt"}
        if pictures:
            settings["images"] = [[_opened(picture) for picture in pictures]]
        if self._tokenizer.bos_token and text.startswith(self._tokenizer.bos_token):
            # The template has begun the sequence already.
            settings["add_special_tokens"] = False
        digests = tuple(picture.sha256 for picture in pictures)
        if self.pixels and pictures:
            with self.pixels.of(digests):
                output = self._processor(**settings)
        else:
            output = self._processor(**settings)
        inputs = {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}
        length = int(inputs["input_ids"].shape[1])
        return PreparedCall(inputs, length, length + self._unlisted_tokens(inputs), digests, leaves_open(text))

    def _unlisted_tokens(self, inputs: dict[str, Any]) -> int:
        """Picture tokens that are not in ``input_ids``.

        Llama-3.2-Vision reads pictures through cross-attention: a picture is one token in the text, and each of its
        tiles adds (image_size / patch_size)² + 1 vectors.
        """
        tiles = inputs.get("aspect_ratio_mask")
        if tiles is None:
            return 0
        vision = self._config.vision_config
        return int(tiles.sum() * ((vision.image_size // vision.patch_size) ** 2 + 1))

    def _prompt(self, messages: Sequence[Message]) -> str:
        """The conversation in the model's chat format, up to where its answer begins."""
        template = getattr(self._processor, "chat_template", None) or getattr(self._tokenizer, "chat_template", None)
        if not template:
            return self._plain_prompt(messages)
        owner = self._processor if hasattr(self._processor, "apply_chat_template") else self._tokenizer
        if isinstance(template, dict):
            template = template["default"]
        # Templates of text models support no picture parts, so the placeholder is put into the text.
        turns = [
            {"role": message.role, "content": _parts(message) if "image" in template else self._marked(message)}
            for message in messages
        ]
        return str(owner.apply_chat_template(turns, chat_template=template, add_generation_prompt=True, tokenize=False))

    def _plain_prompt(self, messages: Sequence[Message]) -> str:
        turns = [f"{message.role.capitalize()}: {self._marked(message)}\n" for message in messages]
        return "".join(turns) + "Assistant:"

    def _marked(self, message: Message) -> str:
        """The turn's text with the model's placeholder for each picture."""
        return "".join(part.text if isinstance(part, TextPart) else self._placeholder() for part in message.parts)

    def _placeholder(self) -> str:
        token = getattr(self._processor, "image_token", None) or getattr(self._tokenizer, "image_token", None)
        if not token:
            raise CallError(
                "bad_request", "the model has no chat template for pictures and names no placeholder for them"
            )
        return str(token)


def collate(calls: Sequence[PreparedCall], padding_token: int) -> dict[str, Any]:
    """Calls of one kind as one batch: texts padded on the left, so that all answers begin at the same place.

    Picture inputs are put one after the other; where their shapes differ they are filled up with zeros, which
    architectures with one row per call read as "no picture".

    Args:
        calls: of one kind.
        padding_token: of the model.
    """
    import torch

    width = max(call.length for call in calls)
    batch = {}
    for name in calls[0].inputs:
        rows = [call.inputs[name] for call in calls]
        if name in _PER_TOKEN:
            padding = _PER_TOKEN[name]
            fill = padding_token if padding is None else padding
            rows = [_padded_left(row, width, fill) for row in rows]
        batch[name] = torch.cat(_filled_up(rows))
    return batch


def shortened(error: BaseException) -> str:
    """An error's type and message on one line."""
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return message if len(message) <= _MESSAGE_LENGTH else message[:_MESSAGE_LENGTH] + " …"


def _pictures(messages: Sequence[Message]) -> list[Picture]:
    pictures = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, PicturePart):
                if part.picture is None:
                    raise CallError("bad_request", "a picture part came without a picture")
                pictures.append(part.picture)
    return pictures


def _opened(picture: Picture) -> Image.Image:
    """The picture, decoded only when its pixels are used: those of a cached picture are not."""
    from PIL import Image

    image = Image.open(io.BytesIO(picture.data), formats=("JPEG", "PNG"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _parts(message: Message) -> list[dict[str, str]]:
    return [
        {"type": "text", "text": part.text} if isinstance(part, TextPart) else {"type": "image"}
        for part in message.parts
    ]


def _padded_left(row: torch.Tensor, width: int, fill: int) -> torch.Tensor:
    """(1, length, …) to (1, width, …)."""
    import torch

    missing = width - row.shape[1]
    if not missing:
        return row
    return torch.cat([row.new_full((1, missing, *row.shape[2:]), fill), row], dim=1)


def _filled_up(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """Pads tensors with zeros at the end, so that all have one shape except for the first dimension."""
    shapes = [tensor.shape[1:] for tensor in tensors]
    if len(set(shapes)) == 1:
        return tensors
    largest = [max(sizes) for sizes in zip(*shapes, strict=True)]
    filled = []
    for tensor in tensors:
        larger = tensor.new_zeros((tensor.shape[0], *largest))
        larger[(slice(None), *(slice(size) for size in tensor.shape[1:]))] = tensor
        filled.append(larger)
    return filled
