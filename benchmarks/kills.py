"""Compress, killed at random moments and run again: is anything torn ever believed, and is the end what it would have been?

    python -m benchmarks.kills [--kills N] [--pairs N] [--seconds S] [--seed K]

A tiny net and tiny data, made here. First an undisturbed run. Then runs with a cache and an output folder of their own are
started and killed with SIGKILL after a random part of the time that one takes, until so many were killed; after every third kill
one is let go on to its end, and what it wrote is compared with the undisturbed one's, byte by byte. The same then with two runs
at once that share both folders. Prints one JSON object; ends with 1 where anything was torn, differed or failed.

Torn is what stands under its final name and can't be read, or can be and differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edgedigits.errors import EdgeDigitsError
from edgedigits.ground import artifact_folder

RECIPE = """
name: killed
stages:
  - prune: {min_weights: 50, epochs: 0.1, min_steps: 6, every_steps: 2, batch: 32}
  - qat: {epochs: 0.1, min_steps: 4, batch: 32}
export: int8
"""
WORDS = ("compress", "--recipe", "killed.yaml", "--model", "net.keras", "--data", "data.npz", "--scale", "0..1")
EACH = 3
"""So many times a run is killed before it may end."""
BYTES = ("model.tflite", "float.tflite", "eval.npz", "golden.npz")
TIMES = ("seconds", "made_in_seconds", "cached")
"""What of a manifest tells of the clock or of the cache, and so differs from run to run."""


@dataclass
class Found:
    """Of a campaign: `kills` that met a living process, `late` ones that came after its end; what a whole run took."""

    runs_at_once: int
    kills: int = 0
    late: int = 0
    finished: int = 0
    identical: int = 0
    torn: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    set_aside: int = 0
    left_behind: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.torn or self.failed or self.left_behind) and self.identical == self.finished > 0


def make_inputs(folder: Path) -> None:
    """A net that takes 8x8 grey images of three classes, such images, and a recipe."""
    from edgedigits.backend import keras

    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    images = rng.integers(0, 90, (240, 8, 8, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[label * 3 : label * 3 + 2] += 120
    np.savez(folder / "data.npz", x_train=images[:180], y_train=labels[:180], x_test=images[180:], y_test=labels[180:])
    keras.utils.set_random_seed(0)
    layers = keras.layers
    net = keras.Sequential([layers.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"), layers.Flatten()])
    net.add(layers.Dense(3, activation="softmax"))
    net.save(folder / "net.keras")
    (folder / "killed.yaml").write_text(RECIPE)


def start(folder: Path, place: Path) -> subprocess.Popen[str]:
    """`edgedigits compress` on the inputs in `folder`; cache and artifact go into `place`."""
    environment = os.environ | {"EDGEDIGITS_CACHE": str(place / "cache"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-m", "edgedigits.cli", *WORDS, "--out", str(place / "out"), "--json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(made: Path) -> dict[str, Any]:
    """The artifact by what must not differ. Raises ArtifactError where it can't be read."""
    manifest = artifact_folder.read(made).manifest
    hashes = {name: hashlib.sha256((made / name).read_bytes()).hexdigest() for name in BYTES}
    return {"name": made.name, "files": hashes, "manifest": _timeless(manifest)}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        skip = (*TIMES, "sha256", "README.md")
        return {key: _timeless(inner) for key, inner in value.items() if key not in skip}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


class Campaign:
    """Kills of `at_once` runs that share their folders, drawn from a seed, until enough or out of time."""

    def __init__(self, folder: Path, at_once: int, wanted: dict[str, Any], whole_s: float, rng: random.Random) -> None:
        self.folder, self.at_once, self.wanted, self.whole_s, self.rng = folder, at_once, wanted, whole_s, rng
        self.found = Found(at_once)
        self.number = 0
        self._new_place()

    def run(self, kills: int, until: float) -> Found:
        while self.found.kills < kills and time.monotonic() < until:
            for _ in range(EACH):
                self._kill()
            self._finish()
        return self.found

    def _new_place(self) -> None:
        self.place = self.folder / f"{self.at_once}-{self.number}"
        self.place.mkdir()
        self.number += 1

    def _kill(self) -> None:
        processes = [start(self.folder, self.place) for _ in range(self.at_once)]
        for process in processes:
            time.sleep(self.rng.random() * self.whole_s / len(processes))
            alive = process.poll() is None
            process.kill()
            process.communicate()
            self.found.kills += alive
            self.found.late += not alive
        self._look()

    def _finish(self) -> None:
        """Let go on to the end, all at once; then begin in other folders."""
        processes = [start(self.folder, self.place) for _ in range(self.at_once)]
        for process in processes:
            _, said = process.communicate()
            self.found.set_aside += said.count("is damaged")
            if process.returncode:
                self.found.failed.append(f"ended with {process.returncode}: {said.strip().splitlines()[-1:]}")
        self._look()
        made = self._made()
        self.found.finished += 1
        self.found.identical += [told(one) for one in made] == [self.wanted]
        hidden = [item for part in ("out", "cache/stages") for item in (self.place / part).glob(".*")]
        self.found.left_behind += [item.name for item in hidden if self._of_the_finished(item)]
        self._new_place()

    def _of_the_finished(self, item: Path) -> bool:
        """Whether a hidden file is of something that was written to its end since, which clears what dead runs left."""
        return any(item.name.startswith(f".{made.name}.") for made in self._made())

    def _made(self) -> list[Path]:
        return [item for item in sorted((self.place / "out").glob("*")) if item.is_dir()]

    def _look(self) -> None:
        """Whatever stands under a final name now must be whole, and what it would have been."""
        for made in self._made():
            try:
                if told(made) != self.wanted:
                    self.found.torn.append(f"{made.name}: differs")
            except EdgeDigitsError as error:
                self.found.torn.append(str(error))


def campaign(kills: int, pairs: int, seconds: float, seed: int) -> dict[str, Any]:
    """Facts of both campaigns, JSON-safe; each gets half of the seconds."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="edgedigits-kills-") as name:
        folder = Path(name)
        make_inputs(folder)
        wanted, whole_s = _undisturbed(folder)
        found = [
            Campaign(folder, at_once, wanted, whole_s, rng).run(count, time.monotonic() + seconds / 2)
            for at_once, count in ((1, kills), (2, pairs))
            if count
        ]
    return {
        "seed": seed,
        "whole_run_s": round(whole_s, 1),
        "good": all(one.good for one in found),
        "runs": [*map(asdict, found)],
    }


def _undisturbed(folder: Path) -> tuple[dict[str, Any], float]:
    """What a run makes that nothing disturbs, and how long it takes."""
    place = folder / "undisturbed"
    began = time.perf_counter()
    process = start(folder, place)
    _, said = process.communicate()
    if process.returncode:
        raise EdgeDigitsError(f"the undisturbed run ended with {process.returncode}: {said}")
    (made,) = (place / "out").iterdir()
    return told(made), time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of one run at a time (%(default)s)")
    parser.add_argument("--pairs", type=int, default=50, help="of two runs at once (%(default)s)")
    parser.add_argument("--seconds", type=float, default=3600, help="begin no more kills after this time (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    found = campaign(given.kills, given.pairs, given.seconds, given.seed)
    print(json.dumps(found, indent=1))
    return int(not found["good"])


if __name__ == "__main__":
    sys.exit(main())
