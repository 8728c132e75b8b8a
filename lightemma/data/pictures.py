"""Pictures as they are sent to a model: the file's own bytes where possible, downscaled where a policy asks for it."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from lightemma.data.whole_jpegs import WholeJpegs
from lightemma.errors import UserError
from lightemma.files import open_regular, read_whole
from lightemma.frame import Frame, Picture, PictureChange, PixelArray

#: Largest picture that is read. A front camera gives about 1.4 megapixels; anything far above is a wrong file.
MAX_MEGAPIXELS = 50
#: Largest file: a picture of that many pixels without compression, and its metadata.
MAX_BYTES = 250_000_000

_JPEG_START = b"\xff\xd8\xff"
_PNG_START = b"\x89PNG\r\n\x1a\n"
#: Formats that are read in addition to JPEG and PNG. A closed list: some of Pillow's other readers start programs or
#: follow links.
_OTHER_FORMATS = ("BMP", "GIF", "PPM", "TIFF", "WEBP")
#: All formats that are read.
PICTURE_FORMATS = ("JPEG", "PNG", *_OTHER_FORMATS)
#: What Pillow raises for bytes that are not a whole picture.
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

#: Of this process, whose runs and drivers show the same pictures.
_whole_jpegs = WholeJpegs()


@dataclass(frozen=True, slots=True)
class PicturePolicy:
    """How pictures are sent.

    Attributes:
        max_side: longest side in pixels, above which a picture is downscaled (Lanczos, aspect kept); None sends every
            JPEG and PNG as it is on disk.
        jpeg_quality: quality of pictures that have to be encoded again, 1 to 95.

    Raises:
        UserError: if a number is out of range.
    """

    max_side: int | None = None
    jpeg_quality: int = 90

    def __post_init__(self) -> None:
        if self.max_side is not None and self.max_side < 1:
            raise UserError(f"The longest side of a picture is {self.max_side}; give 1 pixel or more, or leave it out.")
        if not 1 <= self.jpeg_quality <= 95:
            raise UserError(f"The JPEG quality is {self.jpeg_quality}; give 1 to 95.")

    def as_dict(self) -> dict[str, int | None]:
        """The policy as plain values, for manifests and cache keys."""
        return asdict(self)


def load_picture(path: Path, policy: PicturePolicy, change: PictureChange | None = None) -> Picture:
    """Read a picture and make it ready to be sent.

    A JPEG or PNG no larger than the policy's ``max_side`` keeps its bytes; everything else becomes an upright RGB JPEG
    without metadata, transparent parts on white. The whole picture is decoded in either case, or is a JPEG of which that is
    known to succeed (``whole_jpegs``), so that a torn file is found here and not by the model.

    Args:
        path: the file; its content says what it is, not its name.
        policy: how to send it.
        change: of a probe; the changed pixels are encoded again, as a JPEG of the policy's quality.

    Raises:
        UserError: if the file is missing or unreadable, is not a picture, is torn, or has more than 50 megapixels.
    """
    try:
        data = read_whole(path, MAX_BYTES)
    except FileNotFoundError:
        raise UserError(f"There is no picture at {path}; check the data root.") from None
    except OSError as error:
        raise UserError(
            f"The picture {path} cannot be read ({error.strerror}); check the file and its permissions."
        ) from error
    picture = make_picture(data, path, policy, change)
    same = picture.data is data
    return replace(picture, file_sha256=picture.sha256 if same else hashlib.sha256(data).hexdigest())


def size_on_disk(path: Path | None) -> tuple[int, int] | None:
    """Width and height of a picture, from its header; None if there is none, or it cannot be read."""
    if path is None or not path.is_file():
        return None
    try:
        with open_regular(path) as file, Image.open(file, formats=PICTURE_FORMATS) as picture:  # reads the header only
            return picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def picture_pixels(frame: Frame) -> PixelArray | None:
    """A frame's picture, (height, width, 3), as a planner is shown it; None without one, or if the file is not there.

    Raises:
        UserError: if the file is torn or no picture.
    """
    if frame.image_path is None or not frame.image_path.is_file():
        return None
    whole = load_picture(frame.image_path, PicturePolicy())  # refuses what is torn, huge or no picture
    with Image.open(io.BytesIO(whole.data)) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=np.uint8)
    return pixels if frame.altered is None else frame.altered(pixels)


def make_picture(data: bytes, path: Path | str, policy: PicturePolicy, change: PictureChange | None = None) -> Picture:
    """Make the bytes of a picture file ready to be sent, as ``load_picture`` does.

    Args:
        data: the file's bytes.
        path: where they came from, for messages.
        policy: how to send it.
        change: of a probe, or None.

    Raises:
        UserError: if they are no picture, are torn, or have more than 50 megapixels.
    """
    image = _open(data, path)
    width, height = image.size
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise _too_large(path, f"{width} x {height} = {width * height / 1e6:.1f} megapixels")
    media_type = {"JPEG": "image/jpeg", "PNG": "image/png"}.get(image.format or "")
    longest = max(width, height)
    try:
        if change is None and media_type is not None and (policy.max_side is None or longest <= policy.max_side):
            if not _whole_jpegs.knows(data):
                # What is torn shows at an eighth of the size and without colours too, in less than half the time.
                image.draft("L", (1, 1))
                image.load()
                _whole_jpegs.decoded(data)
            return _picture(data, media_type, (width, height))
        upright = _as_rgb(ImageOps.exif_transpose(image), path)
    except _DECODING_ERRORS as error:
        raise UserError(f"The picture {path} is torn or corrupt ({error}); copy or download it again.") from error
    if change is not None:
        # Scaled as the unchanged picture would be: a cropped one shows an angle on as many pixels.
        upright = Image.fromarray(change(np.asarray(upright, dtype=np.uint8)))
    if policy.max_side is not None and longest > policy.max_side:
        scale = policy.max_side / longest
        target = (max(1, round(upright.width * scale)), max(1, round(upright.height * scale)))
        upright = upright.resize(target, Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    upright.save(encoded, "JPEG", quality=policy.jpeg_quality)
    return _picture(encoded.getvalue(), "image/jpeg", upright.size)


def _open(data: bytes, path: Path | str) -> Image.Image:
    """Read the header; pixels stay undecoded.

    JPEG and PNG are opened by their own readers, which leaves the size limit (and its message) to ``load_picture``;
    for the others Pillow's guard against decompression bombs comes first and is made an error of ours.
    """
    try:
        if data.startswith(_JPEG_START):
            return JpegImageFile(io.BytesIO(data))
        if data.startswith(_PNG_START):
            return PngImageFile(io.BytesIO(data))
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=_OTHER_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path, str(error).partition(" exceeds")[0]) from None
    except _DECODING_ERRORS:
        what = "is empty" if not data else "is torn, or not a JPEG, PNG, WebP, TIFF, BMP, GIF or PPM picture"
        raise UserError(f"The file {path} {what}; copy or download it again.") from None


def _as_rgb(image: Image.Image, path: Path | str) -> Image.Image:
    """Any 8-bit mode as RGB; transparent parts become white."""
    if image.mode.startswith(("I", "F")):
        # Pillow would clip deeper pixels at 255 and send an almost white picture.
        raise UserError(f"The picture {path} has more than 8 bits per channel; convert it to an 8-bit JPEG or PNG.")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _too_large(path: Path | str, size: str) -> UserError:
    return UserError(
        f"The picture {path} is too large ({size}; the limit is {MAX_MEGAPIXELS} megapixels); shrink it first."
    )


def _picture(data: bytes, media_type: str, size: tuple[int, int]) -> Picture:
    return Picture(data=data, media_type=media_type, size=size, sha256=hashlib.sha256(data).hexdigest())
