"""Why an arithmetic or zeros buy no time on the runtimes and processors known: the sentences of `advise` and `bench` alike."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from edgedigits.tflite.multiply_adds import Arithmetic

_FLOAT_ZEROS: Final = "sparse float kernels run only 1x1 convolutions of a sparsely encoded file"
ZEROS_TAKE_TIME: Final[dict[Arithmetic, str]] = {
    "float32": _FLOAT_ZEROS,
    "float16 weights": _FLOAT_ZEROS,
    "int8": "no sparse int8 kernel",
    "int8x4": "no sparse kernel for int4 weights",
    "dynamic": "no sparse kernel for int8 weights",
    "int16x8": "no sparse int16x8 kernel",
}
"""Why zeros among the weights buy no time."""
NO_FASTER: Final[dict[Arithmetic, str]] = {
    "float32": "",
    "float16 weights": "without float16 arithmetic, allowed and in the processor, its weights are unpacked to float32 when the "
    "file is loaded",
    "int8": "",
    "int8x4": "int4 convolutions are unpacked at every call and dense layers are no faster than in int8, so it is for bytes",
    "dynamic": "its activations are quantized anew in every inference",
    "int16x8": "only the slow reference kernels compute in int16x8",
}
"""Why the arithmetic itself is no faster than float32, "" where it can be."""

_DOT_PRODUCTS: Final = {"avx_vnni", "avx512_vnni", "avx_vnni_int8", "amx_int8", "asimddp", "i8mm"}
_WIDEST: Final = {"avx512f": "AVX-512 without VNNI", "avx2": "AVX2 only", "avx": "AVX only"}
_ARM: Final = frozenset({"neon", "asimd"})


def tell_no_dot_product(instruction_sets: Collection[str] | None) -> str:
    """That a processor lacks what makes int8 fast, and which has it; "" where it has that, or does not tell what it has.

    `instruction_sets` are the names of /proc/cpuinfo, as the device runner tells them.
    """
    if not instruction_sets or _DOT_PRODUCTS & set(instruction_sets):
        return ""
    if _ARM & set(instruction_sets):
        return "this processor has no int8 dot product (asimddp), so int8 gains less than on a Pi 5, which has one"
    widest = next((words for name, words in _WIDEST.items() if name in instruction_sets), "no AVX2")
    return f"this processor has no int8 dot product ({widest}), so int8 gains little or nothing over float32; a Pi 5 has one"
