"""The table of cycles in docs/estimates.md, from `results/cycles.json`."""

from __future__ import annotations

from typing import Any

_BOARDS = {"zero2": "cortex-a53", "pi4": "cortex-a72", "pi5": "cortex-a76"}
_NAMES = {"zero2": "Zero 2 W", "pi4": "Pi 4", "pi5": "Pi 5"}
_PAIRS = (
    ("CNN, 28x28", "cnn/float32", "cnn/ptq_int8"),
    ("nano, 28x28", "nano/float32", "nano/ptq_int8"),
    ("MobileNet v2, 224x224", "mobilenet_v2 224/float32", "mobilenet_v2 224/int8"),
)


def cycles_table(document: dict[str, Any]) -> str:
    """Milliseconds of float32 and of int8 by board, and how much fewer cycles and instructions int8 takes."""
    section = document.get("models")
    if section is None:
        return "Not made yet: `python -m benchmarks.cycles`."
    lines = ["| net | board | float32 | int8 | fewer cycles | fewer instructions |", "|---|---|---|---|---|---|"]
    for title, *pair in _PAIRS:
        for device, core in _BOARDS.items():
            float32, int8 = (section["models"][name][core] for name in pair)
            times = " | ".join(f"{one['boards'][device]['ms']:.3g} ms" for one in (float32, int8))
            cycles, instructions = (float32[key] / int8[key] for key in ("cycles", "instructions"))
            lines.append(f"| {title} | {_NAMES[device]} | {times} | {cycles:.2f}x | {instructions:.2f}x |")
    return "\n".join(
        [
            *lines,
            "",
            f"{section['runtime']}, one thread, without memory; QEMU {section['qemu']}, LLVM {section['llvm']}.",
        ]
    )
