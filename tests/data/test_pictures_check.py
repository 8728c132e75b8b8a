"""Pictures that cannot be sent are found by looking at their sizes, headers and ends."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lightemma.data.pictures_check import PictureFault, PicturesCheck, described, picture_fault
from lightemma.frame import EarlierPicture
from tests.conftest import make_frame
from tests.data.looked_at import picture_faults


def encoded(kind: str, size: tuple[int, int] = (64, 36)) -> bytes:
    image = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(image, kind)
    return image.getvalue()


def _png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b"\0" * 10), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


JPEG, PNG, WEBP = encoded("JPEG"), encoded("PNG"), encoded("WEBP")
FILES: dict[str, tuple[bytes, str]] = {
    "JPEG": (JPEG, ""),
    "PNG": (PNG, ""),
    "WebP": (WEBP, ""),
    "BMP": (encoded("BMP"), ""),
    "filled up": (JPEG + b"\0" * 500, ""),
    "with more behind it": (JPEG + b"and the camera's own notes", ""),
    "empty": (b"", "is empty"),
    "half a JPEG": (JPEG[: len(JPEG) // 2], "is torn"),
    "JPEG without its end": (JPEG[:-400], "is torn"),
    "half a PNG": (PNG[: len(PNG) // 2], "is torn"),
    "half a WebP": (WEBP[: len(WEBP) // 2], "is no picture"),
    "a header only": (JPEG[:20], "is no picture"),
    "a web page": (b"<html>404 Not Found</html>", "is no picture"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "is no picture"),
    "zeros": (b"\0" * 4000, "is no picture"),
    "a bomb": (_png_of(60_000, 60_000), "is too large"),
    "51 megapixels": (_png_of(8_500, 6_000), "is too large (8500 x 6000 pixels)"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_judged_by_what_is_in_it(tmp_path, kind):
    path = tmp_path / "p.jpg"
    path.write_bytes(FILES[kind][0])
    fault = picture_fault(path)
    assert fault.startswith(FILES[kind][1])
    assert bool(fault) == bool(FILES[kind][1])


def test_what_is_no_file_is_no_picture_and_nothing_is_waited_for(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "ring").symlink_to("ring")
    assert picture_fault(tmp_path / "folder") == "is a folder"
    assert picture_fault(tmp_path / "pipe") == "cannot be read (it is a pipe, device or socket, not a file)"
    assert picture_fault(tmp_path / "dangling") == "is a link to nothing"
    assert picture_fault(tmp_path / "ring").startswith("cannot be read (")
    assert picture_fault(tmp_path / "nothing") == "is missing"


def test_a_file_of_more_bytes_than_a_picture_has_is_not_read(tmp_path):
    with (tmp_path / "p.jpg").open("wb") as file:
        file.write(JPEG)
        file.truncate(300_000_000)  # a hole, which takes no place on the disk
    assert picture_fault(tmp_path / "p.jpg") == "is too large (300 megabytes)"


def test_earlier_pictures_are_looked_at_as_far_as_they_are_shown(tmp_path):
    paths = [tmp_path / f"{n}.jpg" for n in range(4)]
    for path in paths:
        path.write_bytes(JPEG)
    paths[1].write_bytes(b"")
    frame = replace(make_frame(image_path=paths[3]), earlier=tuple(EarlierPicture(path, 0) for path in paths[:3]))
    assert picture_faults([frame]) == []
    assert picture_faults([frame], earlier=1) == []
    assert picture_faults([frame], earlier=2) == [PictureFault("1.jpg", "is empty")]


def test_each_file_is_looked_at_once(tmp_path, monkeypatch):
    path = tmp_path / "p.jpg"
    path.write_bytes(JPEG)
    check, looked = PicturesCheck(), list[Path]()
    monkeypatch.setattr("lightemma.data.pictures_check.picture_fault", lambda one: looked.append(one) or "")
    assert [check.fault(make_frame(index=n, image_path=path)) for n in range(3)] == [None] * 3
    assert looked == [path]


def test_the_first_three_are_named():
    faults = [PictureFault(f"{n}.jpg", "is empty") for n in range(5)]
    assert described(faults[:1]) == "'0.jpg' is empty"
    assert described(faults) == "'0.jpg' is empty, '1.jpg' is empty, '2.jpg' is empty and 2 more"
