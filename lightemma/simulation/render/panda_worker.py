"""The process in which panda3d draws: ``python -m lightemma.simulation.render.panda_worker``, started by the renderer.

A fault of the graphics library ends this process and no other. It ends by itself when its parent has ended.
"""

from __future__ import annotations

import mmap
import os
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from lightemma.simulation.render.panda_messages import Done, Draw, Failed, Load, Ready, Reply, encode, read_request


def main() -> None:
    """Answers requests until there are no more."""
    parent = os.getppid()
    # Output of libraries must not mix with replies: their standard output becomes standard error.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        from lightemma.simulation.render.panda_scene import Stage

        stage = Stage()
        _send(replies, Ready(stage.details))
    except ImportError as error:
        _send(replies, Failed(f"panda3d is not installed ({error})"))
        return
    except Exception as error:
        _send(replies, Failed(f"{type(error).__name__}: {error}"))
        return
    memory: mmap.mmap | None = None
    while (request := read_request(sys.stdin.buffer)) is not None:
        try:
            if isinstance(request, Load):
                stage.load(request.city)
            elif isinstance(request, Draw):
                if memory is None:
                    raise RuntimeError("there is no memory to draw into")
                if request.layers:
                    picture = stage.layers(request.state, request.camera)
                else:
                    picture = stage.draw(request.state, request.camera)
                np.frombuffer(memory, dtype=np.uint8, count=picture.size)[:] = picture.ravel()
            else:
                memory = _mapped(Path(request.path))
            _send(replies, Done())
        except Exception as error:
            _send(replies, Failed(f"{type(error).__name__}: {error}"))


def _mapped(path: Path) -> mmap.mmap:
    """The file as memory; where the system allows it, its name is removed immediately, so that no file remains."""
    with path.open("r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    if os.name == "posix" and path.parts[1:2] != ("proc",):  # that has no name of its own
        path.unlink(missing_ok=True)
    return memory


def _end_with(parent: int) -> None:
    """Ends this process when the parent has ended, in case the end of the pipe is not noticed."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


def _send(replies: BinaryIO, reply: Reply) -> None:
    """Sends a whole reply."""
    view = memoryview(encode(reply))
    while view:
        view = view[replies.write(view) :]


if __name__ == "__main__":
    main()
