"""Times for gates on a model that is not written yet: both forms side by side, in the process of the benchmark."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from edgedigits_runner.tasks import from_json

from edgedigits.data.images import Images
from edgedigits.data.samples import draw_sample
from edgedigits.data.scale import Scale
from edgedigits.ground.facts import JsonObject, Say
from edgedigits.measure.bench import BenchSettings, Contestant, bench
from edgedigits.measure.rounds_apart import FEW
from edgedigits.pipeline.gates.evidence import Times, read_times

ROUNDS: Final = 9
"""Of so many some may be void or spoilt by a neighbour, and a model that is a fifth slower is still told from one that is not."""
SETTINGS: Final = BenchSettings(windows=ROUNDS, window_s=0.3, probes=1, apart=True)


def time_forms(
    flats: tuple[bytes, bytes], images: Images, scale: Scale, tasks: tuple[JsonObject, JsonObject], say: Say
) -> Times:
    """p50 of the second form and its speedup over the first, here, on one thread; `tasks` are what their outputs mean."""
    with tempfile.TemporaryDirectory(prefix="edgedigits-gates-") as folder:
        sides = []
        for name, flat, task in zip(("float", "compressed"), flats, tasks, strict=True):
            path = Path(folder) / f"{name}.tflite"
            path.write_bytes(flat)
            sides.append(Contestant(name, path, scale, task=from_json(task)))
        return read_times(bench(sides[1], sides[0], draw_sample(images, FEW), SETTINGS, say))
