"""What float16 arithmetic does for the shipped nets on the cores of Raspberry Pis: instructions, and answers to test images.

    python -m benchmarks.float16 [--images N]

Writes the section "float16" of `benchmarks/results/cycles.json`. Answers are those of the emulated boards, since no core here
computes in float16: the CNN's to 1,000 test images of MNIST, the others' and tflite-runtime's to a tenth of them. Needs MNIST,
Linux, qemu-user and gcc, and about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from edgedigits_runner.golden import compared, measure_of

from benchmarks.document import document, print_targets, save_section, target
from benchmarks.emulated_pi.answers import answer_each
from benchmarks.instructions import _baseline, compressed
from edgedigits.data.dataset import fit_to_shape
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import scale_pixels
from edgedigits.data.sources.named import load_data
from edgedigits.measure.qemu.boards import CPUS
from edgedigits.measure.qemu.instructions import count_each
from edgedigits.tasks.parity import compute_losses
from edgedigits.tflite.rewrite.slim import slim

RESULT: Final = Path(__file__).parent / "results" / "cycles.json"
COMMAND: Final = "python -m benchmarks.float16"
NETS: Final = ("cnn", "nano", "mobilenet_v2")
SURE: Final = 0.9
"""From this probability on float32 counts as sure of its answer."""
IMAGES, SHARE, CHUNK = 1000, 10, 50
_FORMS: Final = {"float32": "float32", "float16": "float16", "float16_arithmetic": "float16_arithmetic"}


def make(net: str) -> dict[str, bytes]:
    """Form -> bytes: the recipes of these names, and the last one's made slim, which keeps the leave."""
    model, data = _baseline(net)
    made = {form: compressed(model, data, recipe) for form, recipe in _FORMS.items()}
    return {**made, "float16_arithmetic, slim": slim(made["float16_arithmetic"])}


def count(forms: dict[str, bytes], runtime: Any) -> dict[str, dict[str, int]]:
    """Form -> core -> instructions."""
    with TemporaryDirectory(prefix="edgedigits-float16-") as folder:
        paths = [Path(folder) / f"{at}.tflite" for at in range(len(forms))]
        for path, flat in zip(paths, forms.values(), strict=True):
            path.write_bytes(flat)
        found = {cpu: count_each(paths, cpu, runtime) for cpu in CPUS}
    return {form: {cpu: found[cpu][at].instructions for cpu in found} for at, form in enumerate(forms)}


def answer(flats: Sequence[bytes], inputs: np.ndarray, cpu: str, runtime: Any) -> list[np.ndarray]:
    """Some images at a time, on two cores."""
    parts = [inputs[start : start + CHUNK] for start in range(0, len(inputs), CHUNK)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(partial(answer_each, flats, cpu=cpu, runtime=runtime), parts))
    return [np.concatenate([part[at] for part in found]) for at in range(len(flats))]


def compare(wanted: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """float32's probabilities [n, classes] and others' of the same net; `golden`: by what doctor grants float32's arithmetic."""
    sure, changed = wanted.max(axis=1) >= SURE, wanted.argmax(axis=1) != found.argmax(axis=1)
    lost = compute_losses(wanted, wanted, found, 0.0)
    return {
        "images": len(wanted),
        "same_answers": int((~changed).sum()),
        "sure": int(sure.sum()),
        "changed_sure": int((changed & sure).sum()),
        "largest_difference": float(np.abs(wanted - found).max()),
        "lost": {"answers": lost.answers, "ranks": lost.ranks, "information": lost.information},
        "golden": compared(wanted, found, measure_of(wanted, rounds=False)),
    }


def answers_of(net: str, forms: dict[str, bytes], images: int) -> dict[str, Any]:
    """On both cores; what a core without float16 arithmetic answers must be the float16 recipe's bit by bit."""
    model, data = _baseline(net)
    size = tuple(model.inputs[0].shape[1:])
    sample = draw_sample(fit_to_shape(load_data("mnist", resize=size[:2]), size).test, images)
    inputs = np.asarray(scale_pixels(sample.read(np.arange(len(sample))), data.scale), np.float32)
    found: dict[str, Any] = {}
    for runtime in ("litert", "tflite-runtime"):
        some = inputs if (runtime, net) == ("litert", "cnn") else inputs[::SHARE]
        wanted, allowed = answer([forms["float32"], forms["float16_arithmetic"]], some, "cortex-a76", runtime)
        few = inputs[:: SHARE**2]
        plain, same = answer([forms["float16"], forms["float16_arithmetic"]], few, "cortex-a72", runtime)
        right = sample.labels if some is inputs else sample.labels[::SHARE]
        found[runtime] = {
            **compare(wanted, allowed),
            "float32_right": int((wanted.argmax(axis=1) == right).sum()),
            "float16_right": int((allowed.argmax(axis=1) == right).sum()),
            "a72_images": len(few),
            "a72_same_bits": bool(np.array_equal(plain, same)),
        }
        print(net, runtime, json.dumps(found[runtime]), flush=True)
    return found


def measure(images: int) -> dict[str, Any]:
    """The section: targets, then what was counted and answered of each net."""
    nets = {}
    for net in NETS:
        forms = make(net)
        counts = {runtime: count(forms, runtime) for runtime in ("litert", "tflite-runtime")}
        print(net, json.dumps(counts), flush=True)
        nets[net] = {
            "bytes": {form: len(flat) for form, flat in forms.items()},
            "instructions": counts,
            "answers": answers_of(net, forms, images),
        }
    return document(COMMAND, list_targets(nets), nets=nets)


def list_targets(nets: dict[str, Any]) -> list[dict[str, Any]]:
    """What the CNN must reach, and that no board without the arithmetic notices anything."""
    cnn = nets["cnn"]
    counts, answers = cnn["instructions"]["litert"], cnn["answers"]["litert"]
    fewer = counts["float32"]["cortex-a76"] / counts["float16_arithmetic"]["cortex-a76"]
    moved = max(
        abs(forms["float16_arithmetic"][cpu] - forms["float16"][cpu])
        for one in nets.values()
        for forms in one["instructions"].values()
        for cpu in ("cortex-a53", "cortex-a72")
    )
    kept = max(
        abs(forms["float16_arithmetic, slim"]["cortex-a76"] / forms["float16_arithmetic"]["cortex-a76"] - 1)
        for one in nets.values()
        for forms in one["instructions"].values()
    )
    same = all(one["a72_same_bits"] for each in nets.values() for one in each["answers"].values())
    lost, images = answers["changed_sure"], answers["images"]
    return [
        target(
            "CNN on a cortex-a76, instructions of float32 over float16's",
            ">= 1.85",
            round(fewer, 3),
            "x",
            fewer >= 1.85,
        ),
        target("CNN on a cortex-a76, images answered", ">= 1000", images, "images", images >= 1000),
        target("of these, answers that changed where float32 was sure", "== 0", lost, "images", lost == 0),
        target("without float16 arithmetic, instructions apart from recipe float16", "== 0", moved, "", moved == 0),
        target("without float16 arithmetic, answers of the same bits", "== 1", int(same), "", same),
        target("made slim, share of instructions apart on a cortex-a76", "<= 0.01", round(kept, 5), "", kept <= 0.01),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=IMAGES, help="of the test set, for the CNN")
    section = measure(parser.parse_args().images)
    save_section(RESULT, "float16", section)
    print_targets(section["targets"])


if __name__ == "__main__":
    main()
