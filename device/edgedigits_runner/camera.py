"""Frames of a camera, through OpenCV."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from edgedigits_runner.errors import RunnerError
from edgedigits_runner.opencv_pictures import from_opencv
from edgedigits_runner.pictures import pixels_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def frames(camera: str, every_s: float) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """(number of the frame, pixels), at least `every_s` apart; a video file ends, a camera does not.

    RunnerError "runtime" without OpenCV, "data" where the camera can't be opened or gives no more frames.
    """
    try:
        import cv2
    except ImportError as error:
        raise RunnerError(
            "runtime", "--camera needs OpenCV: install python3-opencv (apt) or opencv-python-headless (pip)"
        ) from error
    source = cv2.VideoCapture(int(camera) if camera.isdecimal() else camera)
    try:
        if not source.isOpened():
            raise RunnerError(
                "data", f"camera {camera} can't be opened; see `v4l2-ctl --list-devices` for what is there"
            )
        yield from _numbered(source, every_s, camera)
    finally:
        source.release()


def _numbered(source: Any, every_s: float, camera: str) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    number = 0
    while True:
        begun = monotonic()
        there, frame = source.read()
        if not there and number and not camera.isdecimal() and not camera.startswith("/dev/"):
            return
        if not there:
            raise RunnerError("data", f"camera {camera} gives no frame; see whether another program holds it")
        yield number, pixels_of(from_opencv(frame))
        number += 1
        sleep(max(0.0, begun + every_s - monotonic()))
