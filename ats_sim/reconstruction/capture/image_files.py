"""PNG and JPEG files of a capture: sizes without decoding, and decoding that notices a truncated file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_START = b"\xff\xd8"
_JPEG_END = b"\xff\xd9"
_FRAME_HEADERS = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG or JPEG, read from its header. Raises CaptureError where it is neither."""
    try:
        with path.open("rb") as stream:
            start = stream.read(24)
            if start[:8] == _PNG_START and len(start) == 24:
                width, height = struct.unpack(">II", start[16:24])
                return width, height
            if start[:2] == _JPEG_START:
                stream.seek(2)
                return _jpeg_size(stream)
    except (OSError, struct.error) as error:
        raise CaptureError(f"{path}: cannot read the picture's header ({error}); write the file again.") from error
    raise CaptureError(f"{path}: neither a PNG nor a JPEG; captures hold only these two.")


def _jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    while True:
        marker, length = struct.unpack(">HH", stream.read(4))
        if marker >> 8 != 0xFF:
            raise struct.error("no JPEG marker where one must be")
        if marker & 0xFF in _FRAME_HEADERS:
            _, height, width = struct.unpack(">BHH", stream.read(5))
            return width, height
        stream.seek(length - 2, 1)


def read_picture(path: Path, flag: int) -> Array:
    """The decoded picture, as OpenCV's ``imdecode`` gives it under ``flag``.

    Raises CaptureError for missing, truncated and undecodable files: OpenCV itself fills the missing rest of a
    truncated picture with grey and says nothing.
    """
    import cv2

    try:
        data = path.read_bytes()
    except OSError as error:
        raise CaptureError(f"{path}: cannot be read ({error.strerror}).") from error
    tail = data[-64:].rstrip(b"\x00")
    whole = tail.endswith(_PNG_END) if data[:8] == _PNG_START else tail.endswith(_JPEG_END)
    if not whole:
        raise CaptureError(f"{path}: the picture is truncated ({len(data)} bytes); copy or export it again.")
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    if picture is None:
        raise CaptureError(f"{path}: the picture cannot be decoded; copy or export it again.")
    decoded: Array = np.asarray(picture)
    return decoded


def encode_picture(suffix: str, picture: Array, *, quality: int = 95) -> bytes:
    """The picture ((H, W) or (H, W, 3) BGR) as the bytes of a ``.png`` or ``.jpg`` file."""
    import cv2

    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    done, data = cv2.imencode(suffix, picture, options)
    if not done:
        raise CaptureError(f"OpenCV cannot encode a picture of shape {picture.shape} as {suffix}.")
    return bytes(data)
