"""Pictures that people upload: known by their content, decoded within bounds, encoded anew.

What comes out is a picture and nothing else: metadata, appended bytes and further frames are gone.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from typing import Final

import msgspec
from PIL import Image, ImageOps, UnidentifiedImageError

from trackplane.control.problems import TooLargeError
from trackplane.errors import InputError

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 40_000_000
FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")
_QUALITY: Final = 90
_UNREADABLE: Final = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    MemoryError,
)
_BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# A decoded picture may take 160 MB: few at a time.
_turns: Final = threading.BoundedSemaphore(2)


class PictureError(InputError):
    """The bytes are no picture that is taken."""

    code = "picture"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it is stored; sizes in pixels."""

    content: bytes
    media_type: str
    width: int
    height: int


def clean(data: bytes) -> Picture:
    """Return an uploaded picture encoded anew: JPEG stays JPEG, others become PNG, their first frame.

    Raises:
        TooLargeError: over 10 MB or 40 million pixels.
        PictureError: not a whole PNG, JPEG, WebP or GIF.
    """
    if len(data) > MAX_BYTES:
        raise TooLargeError(
            f"a picture may have {MAX_BYTES // 1024 // 1024} MB; this has"
            f" {len(data) / 1024 / 1024:.1f} MB",
            hint="send a smaller one, or one of its parts",
        )
    with _turns, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            return _encoded(data)
        except _BOMBS as error:
            raise TooLargeError(
                f"a picture may have {MAX_PIXELS:,} pixels; this has more", hint="make it smaller"
            ) from error
        except _UNREADABLE as error:
            raise PictureError(
                f"this is no picture that is taken: {_why(error)}",
                hint=f"send {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; its content counts, not its name",
            ) from error


def _encoded(data: bytes) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise TooLargeError(
                f"a picture may have {MAX_PIXELS:,} pixels; this has {width * height:,}",
                hint="make it smaller",
            )
        photo = image.format == "JPEG"
        turned = ImageOps.exif_transpose(image)
        see_through = not photo and turned.has_transparency_data
        mode = "RGBA" if see_through else "RGB"
        plain = Image.new(mode, turned.size)
        plain.paste(turned.convert(mode))
    target = io.BytesIO()
    if photo:
        plain.save(target, "JPEG", quality=_QUALITY)
    else:
        plain.save(target, "PNG")
    return Picture(
        content=target.getvalue(),
        media_type="image/jpeg" if photo else "image/png",
        width=plain.width,
        height=plain.height,
    )


def _why(error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "its content is of no known kind"
    text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return f"it cannot be decoded ({text})"
