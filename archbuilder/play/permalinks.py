"""A text in an address, compressed: it can be sent to somebody who has no file of it."""

import base64
import binascii
import zlib

from archbuilder.errors import ArchbuilderError
from archbuilder.play.limits import MOST_CHARACTERS

LONGEST = 30_000
"""Characters of an address that browsers take."""


def packed(text: str) -> str:
    """Return a text as letters, digits, `-` and `_`.

    Raises:
        ArchbuilderError: It is too long for an address.
    """
    letters = base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")
    if len(letters) > LONGEST:
        raise ArchbuilderError(f"this text is too long for an address: {len(letters):,} characters of {LONGEST:,}")
    return letters


def unpacked(letters: str) -> str:
    """Return the text of an address.

    Raises:
        ArchbuilderError: It is damaged, or longer than a text may be.
    """
    damaged = "this link is damaged: it holds no spec"
    if len(letters) > LONGEST:
        raise ArchbuilderError(damaged)
    try:
        data = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
        expander = zlib.decompressobj()
        text = expander.decompress(data, 4 * MOST_CHARACTERS).decode()
    except (binascii.Error, zlib.error, ValueError):
        raise ArchbuilderError(damaged) from None
    if expander.unconsumed_tail or not expander.eof or len(text) > MOST_CHARACTERS:
        raise ArchbuilderError(damaged)
    return text
