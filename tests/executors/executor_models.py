"""Models for tests of executors: importable by name, so that other processes can make them too."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

from lightemma.backends.base import Backend, CallError, CallKind, Completion, PicturePart, Request
from lightemma.backends.config import Limits, ModelConfig, Price
from lightemma.run_folder.records import Usage
from tests.conftest import STEADY_TEXT


class Diary(Backend):
    """Answers by what it is shown, and writes every call and its process into a file."""

    class Options(Backend.Options):
        """Settings."""

        diary: str
        latency_s: float = 0.0
        fails: CallKind | None = None
        breaks: bool = False

    options: Options

    async def generate(self, request: Request) -> Completion:
        with Path(self.options.diary).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {request.sample_token} {request.stage}\n")
        await asyncio.sleep(self.options.latency_s)
        if self.options.breaks:
            raise ZeroDivisionError("a fault over there")
        if self.options.fails:
            raise CallError(self.options.fails, "no")
        shown = [
            part.picture.sha256
            for message in request.messages
            for part in message.parts
            if isinstance(part, PicturePart) and part.picture
        ]
        whole = hashlib.sha256("".join([*(message.text for message in request.messages), *shown]).encode()).hexdigest()
        text = STEADY_TEXT if request.stage == "action" else f"{request.stage} {whole}"
        return Completion(text, Usage(input=1000, output=100), model="diary-1")


class Blind(Diary):
    """Looks at no picture."""

    reads_pictures = False


def diary_model(
    kind: type[Diary],
    folder: Path,
    *,
    name: str = "vlm",
    price: float | None = None,
    concurrency: int = 2,
    **options: object,
) -> Diary:
    """A model that writes into ``folder/diary``, with ``concurrency`` concurrent calls in each replica."""
    config = ModelConfig(
        name=name,
        provider=f"{kind.__module__}:{kind.__name__}",
        model=name,
        max_output_tokens=100,
        limits=Limits(concurrency=concurrency, attempts=3),
        price=None if price is None else Price(input=price, output=price),
        options={"diary": str(folder / "diary"), **options},
    )
    return kind(config)


def entries(folder: Path) -> list[tuple[int, str, str]]:
    """Process, frame and stage of every call so far."""
    path = folder / "diary"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [(int(pid), token, stage) for pid, token, stage in (line.split() for line in lines)]
