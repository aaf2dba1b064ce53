"""Slim bytes on arm64, where alignment could matter: bit-identical answers in both runtimes, and no more instructions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from edgedigits_runner.runtimes import ON_DEVICES

from edgedigits.measure.qemu.boards import find_board_with
from edgedigits.measure.qemu.counting import _GUEST, PYTHON, Kit, _workplace
from edgedigits.measure.qemu.instructions import count_each
from edgedigits.measure.qemu.packages import find_packages
from edgedigits.measure.qemu.rootfs import build_rootfs
from edgedigits.measure.runtimes.wheels import DeviceRuntime
from edgedigits.tflite.rewrite.slim import slim
from tests import tiny_tflite

GUEST = """
import importlib, importlib.util, json, sys
import numpy as np
name = next(name for name in ("ai_edge_litert", "tflite_runtime") if importlib.util.find_spec(name))
tflite = importlib.import_module(name + ".interpreter")
for one, other in zip(sys.argv[1::2], sys.argv[2::2]):
    answers = []
    for path in (one, other):
        for kernels in ("AUTO", "BUILTIN_REF"):
            kind = getattr(tflite.OpResolverType, kernels)
            net = tflite.Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=kind)
            net.allocate_tensors()
            source, sink = net.get_input_details()[0], net.get_output_details()[0]
            rng, said = np.random.default_rng(0), []
            for _ in range(10):
                net.set_tensor(source["index"], (rng.random(source["shape"]) * 100).astype(source["dtype"]))
                net.invoke()
                said.append(net.get_tensor(sink["index"]).tobytes().hex())
            answers.append(said)
    print(json.dumps({"default": answers[0] == answers[2], "reference": answers[1] == answers[3], "loose": len(set(answers[0]))}))
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    folder, found = tmp_path_factory.mktemp("pairs"), []
    for name, path in tiny_tflite.make_all(folder).items():
        if name in ("int8", "uint8", "float32"):
            small = path.with_name(f"{path.stem}-slim.tflite")
            small.write_bytes(slim(path.read_bytes(), name))
            found.append((path, small))
    return found


@pytest.mark.parametrize("runtime", ON_DEVICES)
def test_answers_are_the_same_bit_by_bit(
    runtime: DeviceRuntime, counter: None, pairs: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    (tmp_path / "guest.py").write_text(GUEST)
    kit = Kit(tmp_path / "guest.py", find_packages(runtime, print), build_rootfs("bookworm", print))
    words = [str(path) for pair in pairs for path in pair]
    with _workplace(find_board_with("cortex-a72"), kit) as place:
        settings = [word for key, value in _GUEST.items() for word in ("-E", f"{key}={value}")]
        python = ["-0", PYTHON, f"{place}/root{PYTHON}", "-sS", str(tmp_path / "guest.py"), *words]
        command = ["qemu-aarch64", "-cpu", "cortex-a72", "-L", f"{place}/root", *settings, *python]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(found) == len(pairs) == 3
    for one in found:
        assert one["default"]
        assert one["reference"]
        assert one["loose"] > 1, "the answers depend on the images"


def test_no_more_instructions(counter: None, pairs: list[tuple[Path, Path]]) -> None:
    counted = count_each([path for pair in pairs for path in pair], "cortex-a72")
    for before, after in zip(counted[::2], counted[1::2], strict=True):
        assert after.instructions <= before.instructions * 1.01
