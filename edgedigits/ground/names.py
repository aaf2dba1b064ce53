"""Names that become folders, files and lines on a terminal: checked where they are read, once."""

from __future__ import annotations

import re
import unicodedata

NAME_BYTES = 100
"""Of a name in UTF-8: two of them, a hash and what is put around them fit into the 255 bytes of a file's name."""
WANTED = f"letters, digits, spaces and . _ + - in at most {NAME_BYTES} bytes, beginning with a letter or a digit"
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing: what is shown is then not what is there."""


def is_name(text: str) -> bool:
    """Whether a text is `WANTED`: no separator of paths, nothing that hides a file, no control character."""
    plain = bool(text) and all(map(_is_plain, text)) and _is_word(text[0]) and not text.endswith((" ", "."))
    return plain and len(text.encode()) <= NAME_BYTES


def make_safe(text: str) -> str:
    """The nearest thing to `text` that is a name; a name is itself. For files, which are called what they are called."""
    if is_name(text):
        return text
    plain = "".join(character if _is_plain(character) else "_" for character in unicodedata.normalize("NFC", text))
    short = plain.encode()[:NAME_BYTES].decode(errors="ignore").rstrip(" .")
    if short and not _is_word(short[0]):
        short = "x" + short[1:] if len(short) > 1 else "x"
    return short if is_name(short) else "x"


def cut_number(name: str) -> str:
    """A layer's name without the number behind it, "conv2d_7" as "conv2d".

    Keras numbers the layers of a process; TensorFlow, whose scope of a layer Keras enters twice, numbers its name once more.
    """
    return re.sub(r"(?<=.)_[0-9]+$", "", name)


def is_steering(text: str) -> bool:
    """Whether a text holds what steers a terminal or turns its writing round, or is no text: never meant by who wrote it."""
    return any(
        character in _TURNS or (unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t")
        for character in text
    )


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LN"


def _is_plain(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM" or character in " ._+-"
