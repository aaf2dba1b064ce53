"""The runtimes that a .tflite file can run in: the one table of them, which the host reads too.

A new one is a row here, a row of what installs it on the host (`measure/runtimes/pins.py`), and its wheels, written from that.
"""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """A row. `module` holds the interpreter, `distribution` installs it; `on_devices`: there are wheels of it for devices.

    `numpy_below`: the major version of NumPy from which on it imports, and then fails in the constructor.
    """

    module: str
    distribution: str
    on_devices: bool = True
    numpy_below: int | None = None


# In the order "auto" tries them. Only the asked-for one is imported: TensorFlow takes seconds and hundreds of MiB.
KNOWN = {
    "litert": Known("ai_edge_litert.interpreter", "ai-edge-litert"),
    "tflite-runtime": Known("tflite_runtime.interpreter", "tflite-runtime", numpy_below=2),
    "tensorflow": Known("tensorflow.lite.python.interpreter", "tensorflow", on_devices=False),
}
RUNTIMES = ("auto", *KNOWN)
ON_DEVICES = tuple(name for name, known in KNOWN.items() if known.on_devices)
