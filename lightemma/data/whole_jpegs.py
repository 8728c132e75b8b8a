"""Tells whole JPEGs from torn ones without decoding each: most pictures of a data set have the same tables and the same size.

A decoder refuses a JPEG for two reasons: what it is told before the coded pixels (size, tables, which components there are)
makes no sense, or the file ends, or begins something else, among the coded pixels. The first is the same for all pictures that
are told the same, so one of them is decoded. The second shows in the marks alone: in coded pixels the byte FF stands only
before 00 or before a mark (ITU T.81, B.1.1.5), so the first mark after them is to be the end of the picture at the end of the
file. Whatever bits are between, a Huffman decoder makes pixels of them, whether they are the recorded ones or not.
"""

from __future__ import annotations

import numpy as np

#: Marks: begin and end of a picture, begin of coded pixels, frame of a sequential picture, restart interval.
_BEGIN, _END, _SCAN, _FRAME, _RESTARTS = b"\xff\xd8", b"\xff\xd9", 0xDA, 0xC0, 0xDD
#: Of what stands before coded pixels, what a decoder reads: tables, frame, restarts, scan, JFIF and Adobe.
_READ = frozenset({0xDB, 0xC4, _FRAME, _RESTARTS, _SCAN, 0xE0, 0xEE})
#: Notes of other programs (EXIF with its times, comments), which it skips by their length.
_SKIPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
#: Bytes that tables have at most; a picture has about 600.
_LONGEST = 8_000
#: Kinds of pictures that are remembered.
_MOST = 64


class WholeJpegs:
    """Remembers which tables a decoder has accepted."""

    def __init__(self) -> None:
        self._accepted: set[bytes] = set()

    def knows(self, data: bytes) -> bool:
        """Whether a JPEG is surely as whole as one that was decoded before; others are to be decoded."""
        told = _told(data)
        return told is not None and told[0] in self._accepted and _ends_at_its_end(data, *told[1:])

    def decoded(self, data: bytes) -> None:
        """Notes that a JPEG was decoded to its end."""
        told = _told(data)
        if told is not None:
            if len(self._accepted) >= _MOST:
                self._accepted.clear()
            self._accepted.add(told[0])


def _told(data: bytes) -> tuple[bytes, int, bool] | None:
    """What a decoder is told before the coded pixels, where these begin, and whether there are restart marks among them.

    None for pictures of several scans or frames, and for those that are not Huffman-coded from top to bottom.
    """
    if not data.startswith(_BEGIN):
        return None
    read, place, frames, restarts = [], 2, 0, False
    while place + 4 <= len(data) and data[place] == 0xFF:
        mark, end = data[place + 1], place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if mark in _READ:
            read.append(data[place:end])
            frames += mark == _FRAME
            restarts = restarts or mark == _RESTARTS
        elif mark not in _SKIPPED:
            return None
        if mark == _SCAN:
            told = b"".join(read)
            ends_later = end + len(_END) <= len(data)
            return (told, end, restarts) if frames == 1 and ends_later and len(told) <= _LONGEST else None
        place = end
    return None


def _ends_at_its_end(data: bytes, start: int, restarts: bool) -> bool:
    """Whether coded pixels go on, without a mark that does not belong there, up to an end that is the file's."""
    if not data.endswith(_END):
        return False
    coded = np.frombuffer(data, dtype=np.uint8, offset=start)
    marks = coded[np.flatnonzero(coded[:-2] == 0xFF) + 1]
    if restarts:
        marks = marks[marks & 0xF8 != 0xD0]
    return not marks.any()
