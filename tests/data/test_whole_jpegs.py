"""JPEGs that are taken for whole without being decoded are those that a decoder takes for whole, however they are damaged."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image

from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.data.whole_jpegs import WholeJpegs
from lightemma.errors import UserError

END = b"\xff\xd9"


def encoded(seed=0, mode="RGB", size=(96, 64), **settings):
    """A picture with enough texture that coded pixels are the most of it."""
    noise = np.random.default_rng(seed).integers(0, 256, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size).convert(mode).save(buffer, "JPEG", **settings)
    return buffer.getvalue()


def is_decoded(data):
    """Whether a decoder makes a whole picture of it."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, IndexError, KeyError, TypeError):
        return False
    return True


def knowing(*decoded):
    jpegs = WholeJpegs()
    for data in decoded:
        jpegs.decoded(data)
    return jpegs


@pytest.mark.parametrize("settings", [{}, {"subsampling": 0}, {"quality": 30}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_another_picture_with_the_same_tables_is_known(mode, settings):
    jpegs = knowing(encoded(0, mode, **settings))
    assert jpegs.knows(encoded(1, mode, **settings))
    assert jpegs.knows(encoded(1, mode, comment=b"another time", **settings))


@pytest.mark.parametrize(
    "other", [{"size": (96, 72)}, {"quality": 50}, {"subsampling": 0}, {"mode": "L"}, {"optimize": True}]
)
def test_other_tables_are_not_known(other):
    assert not knowing(encoded()).knows(encoded(1, **other))


def test_pictures_of_several_scans_are_always_decoded():
    whole = encoded(progressive=True)
    assert not knowing(whole).knows(whole)


def test_an_end_that_begins_among_the_tables_is_none():
    whole = encoded()
    coded = whole.rindex(b"\xff\xda") + 14
    odd = whole[: coded - 1] + b"\xff" + whole[coded:]  # decoders read over how exact the coded pixels are
    torn = odd[:coded] + END[1:]
    assert is_decoded(odd)
    assert not is_decoded(torn)
    assert not knowing(odd).knows(torn)


def test_what_is_nothing_of_the_kind_is_not_known():
    jpegs = knowing(encoded())
    for data in (
        b"",
        b"\xff",
        b"\xff\xd8",
        b"\xff\xd8" + END,
        b"\xff\xd8\xff\xda\x00\x00" + END,
        bytes(500),
        b"\xff" * 500,
    ):
        jpegs.decoded(data)
        assert not jpegs.knows(data)


def torn(whole, dice):
    """One damage of a file: cut off, with zeros, a hole, other bytes, bytes too few or too many, a mark, two files in one."""
    place, long = dice.randrange(len(whole)), dice.choice([1, 2, 16, 512])
    rest = whole[place + long :]
    ends = (b"", bytes(len(whole) - place), END, bytes(long) + rest, dice.randbytes(long) + rest, rest)
    more = (dice.randbytes(long) + whole[place:], bytes([0xFF, dice.randrange(256)]) + whole[place + 2 :])
    begun = dice.randrange(700)
    damaged = [whole[:place] + end for end in (*ends, *more, encoded(1)[place:])]
    damaged += [whole + dice.randbytes(long), whole[:begun] + dice.randbytes(1) + whole[begun + 1 :]]
    return dice.choice(damaged)


@pytest.mark.parametrize("settings", [{}, {"restart_marker_rows": 1}, {"mode": "L", "quality": 95}])
def test_nothing_is_taken_for_whole_that_a_decoder_finds_torn(settings):
    whole, dice = encoded(**settings), random.Random(7)
    jpegs = knowing(whole)
    damaged = [torn(whole, dice) for _ in range(1500)]
    refused = [data for data in damaged if not is_decoded(data)]
    assert len(refused) > 400
    assert not any(jpegs.knows(data) for data in refused)
    assert sum(jpegs.knows(data) for data in damaged) > 200


def test_a_torn_picture_is_found_after_whole_ones_of_the_same_kind(tmp_path):
    path = tmp_path / "p.jpg"
    for seed in range(3):
        path.write_bytes(encoded(seed, size=(128, 96)))
        assert load_picture(path, PicturePolicy()).size == (128, 96)
    whole = encoded(4, size=(128, 96))
    for data in (whole[:-1], whole[: len(whole) // 2], whole[:-600] + bytes(600)):
        path.write_bytes(data)
        with pytest.raises(UserError, match="torn"):
            load_picture(path, PicturePolicy())


def test_many_kinds_do_not_fill_the_memory():
    jpegs = WholeJpegs()
    for width in range(8, 308):
        jpegs.decoded(encoded(size=(width, 8)))
    assert sum(jpegs.knows(encoded(size=(width, 8))) for width in range(8, 308)) <= 64
