"""What can make .tflite bytes: a literal table, light enough for the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ConverterName = Literal["tf", "litert"]


@dataclass(frozen=True)
class Converter:
    """A row: `module` is its file beside this one, whose `convert(folder, model, numbers)` a child process calls.

    `quantizer` is the package that it needs for anything but float32, "" where it needs none. Of one that is `tried` no table
    tells which layers it can take (`Export.lacks`), so that whole models are tried before anything is trained.
    """

    in_words: str
    module: str
    quantizer: str = ""
    tried: bool = False


CONVERTERS: Final[dict[ConverterName, Converter]] = {
    "tf": Converter("TensorFlow's converter", "tf"),
    "litert": Converter("Keras' export to LiteRT", "litert", quantizer="ai-edge-quantizer", tried=True),
}
PER_LAYER: Final[ConverterName] = "litert"
"""The one that has numbers of their own for single layers. TensorFlow's has them only in a debugger, for float alone."""
DEFAULT: Final[ConverterName] = "tf"
"""The better one by `benchmarks/results/converters.json`."""
