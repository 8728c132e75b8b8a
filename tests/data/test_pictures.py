"""Pictures as they are sent: untouched where possible, refused in a sentence where not readable."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import pickle
import struct
import warnings
import zlib

import msgspec
import numpy as np
import pytest
from PIL import Image

from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.errors import UserError

NATIVE = PicturePolicy()


def gradient(width=160, height=90):
    """A road-like picture: bright above, dark below, with some texture."""
    rows = np.linspace(220, 40, height)[:, None, None] + np.zeros((height, width, 3))
    rows[:, :, 0] += np.linspace(0, 30, width)
    return Image.fromarray(rows.astype(np.uint8))


def written(folder, image, name="p.jpg", kind="JPEG", **options):
    path = folder / name
    image.save(path, kind, **options)
    return path


def decoded(picture):
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize(("kind", "media_type"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
@pytest.mark.parametrize("name", ["p.jpg", "p.png", "p"])
def test_jpeg_and_png_keep_their_bytes(tmp_path, kind, media_type, name):
    path = written(tmp_path, gradient(), name, kind)
    picture = load_picture(path, NATIVE)
    assert picture.data == path.read_bytes()
    assert picture.media_type == media_type
    assert picture.size == (160, 90)
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_picture_within_the_limit_keeps_its_bytes(tmp_path):
    path = written(tmp_path, gradient())
    assert load_picture(path, PicturePolicy(max_side=160)).data == path.read_bytes()


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [((160, 90), 80, (80, 45)), ((90, 160), 80, (45, 80)), ((160, 90), 159, (159, 89)), ((300, 2), 30, (30, 1))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_larger_pictures_shrink(tmp_path, size, max_side, expected, kind):
    picture = load_picture(written(tmp_path, gradient(*size), kind=kind), PicturePolicy(max_side=max_side))
    assert picture.size == expected == decoded(picture).size
    assert picture.media_type == "image/jpeg"
    assert decoded(picture).format == "JPEG"
    assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()


def test_shrinking_keeps_the_content(tmp_path):
    image = gradient()
    picture = load_picture(written(tmp_path, image, kind="PNG"), PicturePolicy(max_side=80))
    expected = np.asarray(image.resize((80, 45), Image.Resampling.LANCZOS), dtype=float)
    assert np.abs(np.asarray(decoded(picture), dtype=float) - expected).mean() < 2


def test_the_quality_counts(tmp_path):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8))
    path = written(tmp_path, noise, kind="PNG")
    low, high = (load_picture(path, PicturePolicy(max_side=100, jpeg_quality=quality)) for quality in (20, 95))
    assert len(low.data) < len(high.data) / 2


def test_the_same_file_gives_the_same_bytes(tmp_path):
    path = written(tmp_path, gradient())
    assert load_picture(path, PicturePolicy(max_side=50)) == load_picture(path, PicturePolicy(max_side=50))


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_other_formats_become_jpeg(tmp_path, kind):
    picture = load_picture(written(tmp_path, gradient(), "p.jpg", kind), NATIVE)
    assert (picture.media_type, picture.size) == ("image/jpeg", (160, 90))
    assert decoded(picture).mode == "RGB"


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("L", "JPEG"), ("CMYK", "JPEG")],
)
def test_every_mode_becomes_rgb(tmp_path, mode, kind):
    path = written(tmp_path, gradient().convert(mode), kind=kind)
    assert load_picture(path, NATIVE).data == path.read_bytes()
    picture = load_picture(path, PicturePolicy(max_side=80))
    assert decoded(picture).mode == "RGB"
    assert decoded(picture).getpixel((40, 2))[1] > decoded(picture).getpixel((40, 42))[1]


def test_transparent_parts_become_white(tmp_path):
    path = written(tmp_path, Image.new("RGBA", (40, 40), (255, 0, 0, 0)), kind="PNG")
    assert decoded(load_picture(path, PicturePolicy(max_side=20))).getpixel((10, 10)) == (255, 255, 255)


def test_a_picture_encoded_again_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    path = written(tmp_path, gradient(), exif=exif)
    picture = load_picture(path, PicturePolicy(max_side=80))
    assert picture.size == (45, 80)
    assert not decoded(picture).getexif()


def test_deep_pictures_are_refused_rather_than_clipped(tmp_path):
    path = written(tmp_path, Image.new("I;16", (40, 30), 4000), kind="PNG")
    assert load_picture(path, NATIVE).data == path.read_bytes()
    with pytest.raises(UserError, match="8 bits"):
        load_picture(path, PicturePolicy(max_side=20))


def test_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"no picture at .*gone\.jpg"):
        load_picture(tmp_path / "gone.jpg", NATIVE)


def test_a_folder(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        load_picture(tmp_path, NATIVE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0 not more",
        b"\x89PNG\r\n\x1a\n",
        b"version https://git-lfs",
        b"<html>",
        b"\0" * 500,
    ],
)
def test_what_is_no_picture(tmp_path, data):
    path = tmp_path / "p.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"p\.jpg"):
        load_picture(path, NATIVE)


@pytest.mark.parametrize("policy", [NATIVE, PicturePolicy(max_side=20)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_torn_pictures(tmp_path, policy, kind, share):
    path = written(tmp_path, gradient(), kind=kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UserError, match=r"p\.jpg.*(torn|corrupt)"):
        load_picture(path, policy)


def png_header(width, height):
    """A PNG that says it is this large, and little else."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def gif_header(width, height):
    """A GIF that says it is this large, and little else."""
    frame = b"," + struct.pack("<HHHH", 0, 0, width, height) + b"\0\x02\x01\0\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (png_header(10_000, 5_001), r"10000 x 5001 = 50\.0 megapixels"),
        (png_header(10_000, 10_000), r"10000 x 10000 = 100\.0 megapixels"),
        (png_header(30_000, 30_000), r"900\.0 megapixels"),
        (gif_header(10_000, 6_000), r"60\.0 megapixels"),
        # Pillow itself refuses these, unless another library has switched its limit off in this process.
        (gif_header(10_000, 10_000), r"(100000000 pixels|10000 x 10000 = 100\.0 megapixels)"),
        (gif_header(30_000, 30_000), r"(900000000 pixels|30000 x 30000 = 900\.0 megapixels)"),
    ],
)
def test_huge_pictures_are_refused_without_a_warning(tmp_path, data, size):
    path = tmp_path / "p.png"
    path.write_bytes(data)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(UserError, match=f"{size}.*limit is 50 megapixels"):
            load_picture(path, NATIVE)
    assert not seen


@pytest.mark.parametrize("settings", [{"max_side": 0}, {"max_side": -5}, {"jpeg_quality": 0}, {"jpeg_quality": 100}])
def test_wrong_policies_are_refused(settings):
    with pytest.raises(UserError):
        PicturePolicy(**settings)


def test_a_policy_as_a_dict():
    assert PicturePolicy().as_dict() == {"max_side": None, "jpeg_quality": 90}
    assert PicturePolicy(max_side=800, jpeg_quality=80).as_dict() == {"max_side": 800, "jpeg_quality": 80}


def test_base_64_is_made_once_and_is_no_part_of_the_picture(tmp_path):
    picture = load_picture(written(tmp_path, gradient()), NATIVE)
    same = load_picture(tmp_path / "p.jpg", NATIVE)
    assert base64.b64decode(picture.base64) == picture.data
    assert picture.base64 is picture.base64
    assert picture == same
    assert hash(picture) == hash(same)
    for copy in (pickle.loads(pickle.dumps(picture)), dataclasses.replace(picture, media_type="image/png")):
        assert not hasattr(copy, "_base64")
        assert copy.base64 == picture.base64
    other = dataclasses.replace(picture, data=b"other")
    assert other.base64 == base64.b64encode(b"other").decode()
    assert len(msgspec.json.encode(same)) == len(msgspec.json.encode(picture))


@pytest.mark.parametrize("settings", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_whole_and_torn_jpegs_of_all_kinds_are_told_apart(tmp_path, mode, settings):
    path = written(tmp_path, gradient().convert(mode), **settings)
    whole = path.read_bytes()
    assert load_picture(path, NATIVE).data == whole
    for share in (0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(UserError, match="torn"):
            load_picture(path, NATIVE)
