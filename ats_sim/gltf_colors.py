"""Colours as glTF keeps them: linear light at vertices, sRGB in pictures that lie in the file."""

import io
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import HomeError

MAX_TEXTURE_SIDE = 8192
FULL = 65535


def encode_colors(colors: Array) -> Array:
    """(V, 4) uint16 linear light and opacity 1 of sRGB colours (V, 3) uint8."""
    srgb = colors / 255.0
    linear = np.ones((len(colors), 4))
    linear[:, :3] = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.round(linear * FULL).astype(np.uint16))


def decode_colors(stored: Array) -> Array:
    """(V, 3) uint8 sRGB colours of linear light (V, 4) uint16; opacity is dropped."""
    linear = stored[:, :3] / FULL
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(srgb * 255.0).astype(np.uint8))


def encode_picture(picture: Array, kind: str) -> bytes:
    """A picture (H, W, 3) uint8 as "jpeg" (small) or "png" (exact)."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind.upper(), **({"quality": 90} if kind == "jpeg" else {}))
    return stream.getvalue()


def decode_picture(data: bytes, path: Path) -> Array:
    """The picture (H, W, 3) uint8 in bytes that stand in a file at `path`.

    Raises:
        HomeError: If it is damaged, too large, or neither PNG nor JPEG.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            if max(picture.size) > MAX_TEXTURE_SIDE:
                raise HomeError(f"{path}: texture of {picture.size} pixels, want at most {MAX_TEXTURE_SIDE}")
            return np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise HomeError(f"{path}: its texture cannot be decoded ({error})") from error
