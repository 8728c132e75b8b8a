"""Pictures at web addresses: fetched here, or left to the provider."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from http.client import HTTPException
from urllib.parse import urlsplit

from lightemma.data.pictures import PicturePolicy, make_picture
from lightemma.direct_http import direct_opener, read_body
from lightemma.errors import UserError
from lightemma.frame import Picture

#: More than any front camera's picture; what is larger is no picture, or a wrong one.
MAX_BYTES = 50_000_000
#: Seconds for a whole picture, even if bytes keep arriving.
WHOLE_S = 120.0


def is_address(place: str) -> bool:
    """Whether a picture is named by a web address."""
    return place.lower().startswith(("http://", "https://"))


def picture_at(address: str) -> Picture:
    """A picture that the provider fetches itself."""
    return Picture(b"", "", (0, 0), hashlib.sha256(address.encode()).hexdigest(), url=address)


def fetch_picture(address: str, policy: PicturePolicy, timeout_s: float = 30.0) -> Picture:
    """Fetches a picture.

    Args:
        address: http or https.
        policy: how to send it.
        timeout_s: seconds without a byte after which the picture counts as missing.

    Raises:
        UserError: if it cannot be fetched, is too large, or is no picture.
    """
    # A private picture's address may hold a key; messages show it without the user part and the query.
    parts = urlsplit(address)
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    asked = urllib.request.Request(address, headers={"Accept": "image/*", "User-Agent": "lightemma"})
    try:
        with direct_opener().open(asked, timeout=timeout_s) as answer:
            data = read_body(answer, MAX_BYTES, WHOLE_S)
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and 300 <= error.code < 400:
            to = urlsplit(error.headers.get("location", "")).netloc.rpartition("@")[2]
            raise UserError(
                f"The picture {shown} is not there: HTTP {error.code} redirects{f' to {to}' if to else ''}, and redirects are "
                "not followed; give the final address, or save the picture and give the file."
            ) from None
        reason = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise UserError(
            f"The picture {shown} cannot be fetched ({reason}); save it and give the file, or ask a model whose provider "
            "fetches pictures itself."
        ) from None
    if len(data) > MAX_BYTES:
        raise UserError(f"The picture {shown} has more than {MAX_BYTES // 1_000_000} megabytes; shrink it first.")
    return make_picture(data, shown, policy)
