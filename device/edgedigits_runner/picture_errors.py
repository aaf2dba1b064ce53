"""Why bytes are no image."""

from __future__ import annotations

from edgedigits_runner.errors import RunnerError


class PictureError(RunnerError):
    """Bytes that are no image, said without the file's name, which only the caller knows."""

    def __init__(self, message: str) -> None:
        super().__init__("data", message)


class UnreadKind(PictureError):
    """Bytes of a kind that takes OpenCV, on a machine without it."""
