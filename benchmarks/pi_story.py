"""What happens on an emulated Pi: deploy without a network, deploy again, doctor, benchmark, and the same with tflite-runtime.

    python -m benchmarks.pi_story

writes `benchmarks/results/systems.json`, from which the README's table of systems comes; `make pi` runs the same story and
holds it against that file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.emulated_pi.pi import EmulatedPi, booted
from edgedigits.devices.deploy import DeployReport, DeployWish, deploy
from edgedigits.devices.remote_bench import bench_there
from edgedigits.errors import InputError
from edgedigits.measure.bench_job import BenchTask, BenchWish, make_task
from edgedigits.measure.bench_result import Report

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "systems.json"
PIS = (("bookworm", "pi4"), ("trixie", "pi5"))
RUNTIMES = ("litert", "tflite-runtime")
Say = Callable[[str], None]


@dataclass(frozen=True)
class Chapter:
    """One runtime on one Pi: the deploys and what was measured, or why there is none."""

    runtime: str
    first: DeployReport | None = None
    again: DeployReport | None = None
    report: Report | None = None
    doctor: dict[str, Any] | None = None
    seconds_to_number: float = 0.0
    refused: str = ""


@dataclass(frozen=True)
class Story:
    suite: str
    board: str
    system: str
    chapters: tuple[Chapter, ...]


def artifact(folder: Path) -> Path:
    """The shipped small net as int8, with the bundled digits as test images: needs no download and no training."""
    command = [
        sys.executable,
        "-m",
        "edgedigits.cli",
        "compress",
        "--recipe",
        "ptq_int8",
        "--data",
        "digits",
        "--json",
    ]
    model = ROOT / "artifacts" / "baselines" / "nano.keras"
    command += ["--model", str(model), "--scale", "0..1", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return Path(json.loads(done.stdout)["path"])


def quick(made: Path, folder: Path) -> BenchTask:
    """A short benchmark: emulated times say nothing, the answers do."""
    whole = make_task(BenchWish(tflite=made), folder)
    return replace(whole, settings=replace(whole.settings, windows=1, window_s=0.1, probes=1))


def stories(made: Path, key: Path, folder: Path, say: Say) -> list[Story]:
    """All Pis at once; `key` is a private key whose public half lies beside it."""
    work = quick(made, folder)
    with ThreadPoolExecutor(max_workers=len(PIS)) as pool:
        return list(pool.map(lambda pi: _story(pi[0], pi[1], made, work, key, folder, say), PIS))


def _story(suite: Any, board: str, made: Path, work: BenchTask, key: Path, folder: Path, say: Say) -> Story:
    with booted(suite, board, key.with_suffix(".pub"), say) as pi:
        wish = wish_for(pi, key, folder)
        chapters = tuple(_chapter(made, work, replace(wish, runtime=runtime), say) for runtime in RUNTIMES)
        system = next(one.first.machine for one in chapters if one.first)
        return Story(suite, board, system, chapters)


def wish_for(pi: EmulatedPi, key: Path, folder: Path) -> DeployWish:
    """How to get there, as a user's ssh configuration says it."""
    known, config = folder / f"known-{pi.address}", folder / f"ssh-{pi.address}"
    known.write_text(pi.known_hosts + "\n")
    config.write_text(f'Host *\n  UserKnownHostsFile "{known}"\n  IdentityFile "{key}"\n  IdentitiesOnly yes\n')
    return DeployWish(f"{pi.user}@{pi.address}", no_network=True, ssh_config=config)


def _chapter(made: Path, work: BenchTask, wish: DeployWish, say: Say) -> Chapter:
    began = time.monotonic()
    try:
        first = deploy(made, wish, say, say)
    except InputError as error:
        return Chapter(str(wish.runtime), refused=str(error).removeprefix(f"{wish.target}: "))
    report, doctor = bench_there(work, wish, say)
    seconds = time.monotonic() - began
    return Chapter(str(wish.runtime), first, deploy(made, wish, say, say), report, doctor, seconds)


def rows(told: list[Story]) -> list[dict[str, Any]]:
    """What the table of systems shows: nothing that differs from run to run."""
    return [
        {
            "suite": story.suite,
            "system": story.system,
            "runtime": one.runtime,
            "packages": one.first.packages if one.first else {},
            "verdict": one.first.doctor["verdict"] if one.first else None,
            "refused": one.refused,
        }
        for story in told
        for one in story.chapters
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="edgedigits-story-") as name:
        folder, key = Path(name), Path(name) / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        told = stories(artifact(folder), key, folder, print)
    RESULT.write_text(json.dumps({"command": "python -m benchmarks.pi_story", "rows": rows(told)}, indent=1) + "\n")
    print(json.dumps([asdict(one.first) for story in told for one in story.chapters if one.first], indent=1))


if __name__ == "__main__":
    main()
