"""Whether a file runs on a runtime: foretold by the table, loaded where it is installed, and told by every command before the
device would."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from edgedigits_runner.runtimes import KNOWN

import edgedigits as ed
from benchmarks.evidence.runtime_nets import make_images, plain
from benchmarks.runtimes.__main__ import find_changes
from benchmarks.runtimes.asking import ask_installed
from edgedigits.devices.deploy import check_operators, choose_packages
from edgedigits.devices.ssh.device import Device
from edgedigits.errors import CheckError, DeviceError, InputError, OperatorError
from edgedigits.measure.bench import BenchSettings, Contestant, bench
from edgedigits.measure.runs_on.foretelling import Foretold, foretell, foretell_and_load
from edgedigits.measure.runs_on.loading import Loading, load_with
from edgedigits.measure.runtimes import environments
from edgedigits.measure.runtimes.asked import Asked, parse_all_asked, parse_asked
from edgedigits.measure.runtimes.device_facts import DeviceFacts
from edgedigits.measure.runtimes.operator_versions import (
    find_installed,
    find_release,
    list_pythons,
    list_releases,
    read_operators,
)
from edgedigits.models.importer.loading import rebuild
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.runs_on import check_runs_on
from edgedigits.tflite import schema
from edgedigits.tflite.contents import OperatorCode
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.schema import ModelTable
from tests import nets
from tests.warm import edgedigits

INT8 = Path(__file__).parent / "golden" / "int8.tflite"
TFLITE_RUNTIME, LITERT = Asked("tflite-runtime", "2.14.0"), Asked("litert", find_installed("litert"))
FUTURE = 99


def changed(change: Callable[[ModelTable], None], flat: bytes | None = None) -> bytes:
    model = schema.unpack(INT8.read_bytes() if flat is None else flat)
    change(model)
    return schema.pack(model)


def future() -> bytes:
    """With an operator in a version that no runtime has."""

    def change(model: ModelTable) -> None:
        model.operatorCodes[2].version = FUTURE

    return changed(change)


def deadly() -> bytes:
    """A RESHAPE whose new shape is left out: the reader finds nothing wrong, and LiteRT dies of it."""

    def change(model: ModelTable) -> None:
        (operator,) = (one for one in model.subgraphs[0].operators if one.opcodeIndex == 1)
        operator.inputs = np.array([operator.inputs[0], -1], np.int32)
        operator.builtinOptions, operator.builtinOptionsType = None, 0

    return changed(change)


def told(flat: bytes, asked: Asked = TFLITE_RUNTIME) -> Foretold:
    return foretell(read(flat, "m.tflite"), find_release(asked))


def test_the_table_is_what_the_installed_runtime_says() -> None:
    assert LITERT.version in list_releases("litert")
    assert dict(read_operators("litert", LITERT.version)) == ask_installed(Path(sys.executable), KNOWN["litert"].module)


def test_the_table_says_what_is_known_of_old_ones() -> None:
    assert read_operators("tflite-runtime", "2.14.0")["FULLY_CONNECTED"] == (1, 10)
    assert read_operators("litert", "2.1.0")["FULLY_CONNECTED"][1] >= 12
    assert "GELU" not in read_operators("tflite-runtime", "2.7.0")
    assert set(read_operators("tensorflow", "2.14.1")) == set(read_operators("tflite-runtime", "2.14.0"))
    for runtime in KNOWN:
        for version in list_releases(runtime):
            assert len(read_operators(runtime, version)) > 100
            assert list_pythons(Asked(runtime, version))


def test_only_changes_are_written() -> None:
    answers = {"1.0": {"A": (1, 2), "B": (1, 1)}, "1.1": {"A": (1, 2), "B": (1, 1)}, "2.0": {"A": (1, 3)}}
    assert find_changes(answers) == {"A": {"1.0": [1, 2], "2.0": [1, 3]}, "B": {"1.0": [1, 1], "2.0": []}}


def test_what_is_missing_is_told_with_what_to_change() -> None:
    found = told(future())
    assert not found.runs
    assert [(one.operator, one.version, one.highest) for one in found.lacks] == [("FULLY_CONNECTED", FUTURE, 10)]
    assert found.why_not == (
        "it needs FULLY_CONNECTED version 99, of which it has up to version 10; make the model of other layers"
    )
    assert told(INT8.read_bytes()).runs


def test_what_a_file_declares_is_looked_for_though_nothing_uses_it() -> None:
    def declare(model: ModelTable) -> None:
        model.operatorCodes.append(schema.unpack(future()).operatorCodes[2])

    flat = changed(declare)
    assert not told(flat).runs
    assert foretell_and_load(flat, read(flat, "m"), [LITERT])[0].agrees


def test_types_that_a_release_refuses_are_told_though_it_has_the_version() -> None:
    """tflite-runtime 2.14.0 has GELU version 2, and not for 16-bit integers."""
    contents = read(INT8.read_bytes(), "m")
    gelu = replace(contents.operators[3], name="GELU", input_dtypes=("INT16",), output_dtypes=("INT16",))
    codes = (*contents.codes[:3], OperatorCode("GELU", 2, False))
    found = foretell(replace(contents, codes=codes, operators=(gelu,)), find_release(TFLITE_RUNTIME))
    assert not found.runs
    assert found.why_not == (
        "it needs GELU version 2, which it refuses for the types INT16; export int8, or take litert 1.3.0 or newer"
    )
    assert foretell(replace(contents, codes=codes), find_release(TFLITE_RUNTIME)).runs


def test_a_release_that_runs_nothing_is_told() -> None:
    """litert 1.1.0 can't open a file by its path."""
    found = told(INT8.read_bytes(), Asked("litert", "1.1.0"))
    assert not found.runs
    assert found.why_not.startswith("its packages run no file at all; take litert 1.1.1 or newer")
    assert found.as_json()["runs"] is False


def test_custom_operators_are_in_no_table() -> None:
    def custom(model: ModelTable) -> None:
        code: Any = model.operatorCodes[3]
        code.builtinCode = code.deprecatedBuiltinCode = 32
        code.customCode, code.version = b"FULLY_CONNECTED", FUTURE

    flat = changed(custom)
    found = foretell_and_load(flat, read(flat, "m"), [LITERT])[0]
    assert (found.lacks, found.custom) == ((), ("FULLY_CONNECTED",))
    assert not found.runs
    assert "loading it there fails" in found.why_not


@pytest.mark.parametrize("runtime", ["litert", "tensorflow"])
def test_the_runtime_that_is_installed_says_the_same(runtime: str) -> None:
    release = Asked(runtime, find_installed(runtime))
    assert told(INT8.read_bytes(), release).runs
    assert [one.operator for one in told(future(), release).lacks] == ["FULLY_CONNECTED"]
    refused = load_with(Path(sys.executable), KNOWN[runtime].module, future())
    assert not refused.fine
    assert "'FULLY_CONNECTED' version '99'" in refused.why_not


def test_the_runtime_that_is_installed_has_the_last_word() -> None:
    (found,) = foretell_and_load(INT8.read_bytes(), read(INT8.read_bytes(), "m"), [LITERT])
    assert found.loading is not None
    assert found.loading.fine
    assert replace(found, loading=Loading(False, "it is not in the mood")).runs is False
    assert replace(told(future()), loading=Loading(True)).runs


def test_a_file_that_the_interpreter_dies_of_is_an_answer(tmp_path: Path) -> None:
    flat = deadly()
    (found,) = foretell_and_load(flat, read(flat, "m"), [LITERT])
    assert not found.lacks
    assert not found.runs
    assert "it was ended by SIG" in found.why_not
    (tmp_path / "deadly.tflite").write_bytes(flat)
    done = edgedigits("inspect", tmp_path / "deadly.tflite", "--runtime", "litert")
    assert done.returncode == 1
    assert "it was ended by SIG" in done.stderr


def test_inspect_shows_it_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "future.tflite"
    file.write_bytes(future())
    runtimes = ("--runtime", "tflite-runtime==2.14", "--runtime", "litert")
    done = edgedigits("inspect", file, *runtimes)
    assert done.returncode == 1
    assert f"{file}: won't run on tflite-runtime 2.14.0: it needs FULLY_CONNECTED version 99" in done.stderr
    assert "Will it run there?" in done.stdout
    as_json = edgedigits("inspect", file, *runtimes, "--json")
    assert as_json.returncode == 1
    found = ed.inspect(file, runtime=["tflite-runtime==2.14", "litert"])
    assert json.loads(as_json.stdout) == found.as_json()
    assert [one["loading"] is None for one in found.as_json()["runtimes"]] == [True, False]
    assert found.to_frame("runtimes")["runs"].tolist() == [False, False]
    with pytest.raises(OperatorError, match="FULLY_CONNECTED version 99"):
        found.check_runtimes()
    fine = ed.inspect(INT8, runtime="tflite-runtime")
    fine.check_runtimes()
    assert fine.as_json()["runtimes"][0]["runs"]
    assert "runtimes" not in ed.inspect(INT8).as_json()


def test_compress_refuses_before_it_trains_and_when_it_has_made_the_bytes(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last release that there is lacks nothing that is exported; so one is made to lack an operator."""
    from edgedigits.measure.runs_on import foretelling

    def without(runtime: str, release: str) -> Any:
        found = dict(read_operators(runtime, release))
        return {**found, "DEPTHWISE_CONV_2D": (1, 2)} if runtime == TFLITE_RUNTIME.name else found

    net = nets.trained(shapes).model
    given: dict[str, Any] = {
        "data": str(shapes),
        "pixel_range": "0..1",
        "out": tmp_path / "out",
        "progress": lambda *_: None,
    }
    made = ed.compress(net, recipe="ptq_int8", runtime=("tflite-runtime==2.14.0", "litert"), **given)
    kept = made.manifest["export"]["runtimes"]
    assert [(one["runtime"], one["runs"], one["loading"] is None) for one in kept] == [
        ("tflite-runtime", True, True),
        ("litert", True, False),
    ]
    monkeypatch.setattr(foretelling, "read_operators", without)
    wanted = r"int8 export: won't run on tflite-runtime 2\.14\.0: it needs DEPTHWISE_CONV_2D version 3, of which it has up to"
    before = sorted((tmp_path / "out").iterdir())
    with pytest.raises(OperatorError, match=wanted):
        ed.compress(net, recipe="ptq_int8", runtime=str(TFLITE_RUNTIME), **given)
    told: list[str] = []
    given["progress"] = lambda what, _: told.append(what)
    with pytest.raises(OperatorError, match=f"{wanted}.*nothing was written"):
        ed.compress(net, recipe="prune80_int8", runtime=str(TFLITE_RUNTIME), **given)
    assert "trying the int8 export on tflite-runtime==2.14.0" in told
    assert not [what for what in told if "prune" in what], "before any training"
    assert sorted((tmp_path / "out").iterdir()) == before


def test_bench_tells_before_it_measures(tmp_path: Path) -> None:
    file = tmp_path / "future.tflite"
    file.write_bytes(future())
    lines: list[str] = []
    for runtime in ("tflite-runtime==2.13.0", "litert"):
        with pytest.raises(
            OperatorError, match=rf"won't run on {runtime.partition('==')[0]} .*FULLY_CONNECTED version 99"
        ):
            bench(Contestant("m", file), None, tmp_path / "no.npz", BenchSettings(runtime=runtime), lines.append)
    assert not lines, "no environment is made for it"


def test_deploy_refuses_before_anything_is_sent(tmp_path: Path) -> None:
    """The device of these facts; that nothing else of it is touched is what is asked."""
    facts = DeviceFacts("linux", (3, 11, 2), machine="aarch64", libc="glibc", libc_version=(2, 36))
    device = cast(Device, SimpleNamespace(where="pi", facts=facts, refuse_root=lambda: None))
    packages = choose_packages(device, "tflite-runtime==2.14.0")
    assert packages.versions["tflite-runtime"] == "2.14.0"
    check_operators(device, packages, [INT8])
    file = tmp_path / "model.tflite"
    file.write_bytes(future())
    with pytest.raises(OperatorError, match=r"^pi: .*won't run on tflite-runtime 2\.14\.0: .*; nothing was sent$"):
        check_operators(device, packages, [file])
    with pytest.raises(
        DeviceError, match=r"^pi: gets tflite-runtime 2\.14\.0, and --runtime tflite-runtime==2\.13\.0 asks"
    ):
        choose_packages(device, "tflite-runtime==2.13.0")
    with pytest.raises(InputError, match=r"choose from auto, litert, tflite-runtime$"):
        choose_packages(device, "tensorflow")


def test_a_release_that_is_not_in_the_table_is_the_nearest_older_one() -> None:
    newer = find_release(Asked("litert", "99.0.1"))
    assert (newer.known_by, newer.version) == (list_releases("litert")[-1], "99.0.1")
    assert "is not in the table: its operators are taken to be those of" in newer.note
    between = find_release(Asked("tensorflow", "2.16.1"))
    assert between.known_by in list_releases("tensorflow")
    assert between.known_by != "2.16.1"
    assert find_release(Asked("tflite-runtime", "2.14")).version == "2.14.0"
    assert find_release(Asked("tflite-runtime")).version == "2.14.0"
    assert not find_release(TFLITE_RUNTIME).note


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("tflite-runtime=2.14", "wanted NAME==VERSION, as tflite-runtime==2.14.0; choose from litert, tflite"),
        ("litert>=2", "wanted NAME==VERSION, as litert=="),
        ("onnx", "unknown; choose from litert, tflite-runtime, tensorflow"),
        ("tflite-runtime==", "wanted NAME==VERSION with a release's number, as tflite-runtime==2.14.0"),
        ("litert==two", "wanted NAME==VERSION with a release's number, as litert=="),
        ("tflite-runtime==2.8.1", "there is no such release; known are 2.7.0, 2.8.0, 2.9.1"),
        ("tensorflow==1.15.0", "known are 2."),
    ],
)
def test_what_is_no_runtime_is_said(said: str, why: str) -> None:
    done = edgedigits("inspect", INT8, "--runtime", said)
    assert done.returncode == 2
    assert done.stderr.startswith(f"edgedigits: --runtime {said}: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1
    with pytest.raises(InputError, match=r"^runtime="):
        ed.inspect(INT8, runtime=said)


def test_names_are_those_of_the_package_too() -> None:
    assert parse_asked("ai-edge-litert==2.1.0") == Asked("litert", "2.1.0")
    assert parse_asked("auto") == Asked("auto")
    assert parse_all_asked(["litert", "ai-edge-litert", "litert==2.1.0"]) == (Asked("litert"), Asked("litert", "2.1.0"))


def test_a_release_of_its_own_has_an_environment_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path))
    assert environments.find_python_for(str(LITERT), print) == Path(sys.executable)
    assert environments.find_ready_python("litert", "2.1.0") is None
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    made: list[Any] = []

    def make(_runtime: str, packages: Any, _base: Path, home: Path, _say: Any) -> None:
        made.append(packages)
        (home / "bin").mkdir(parents=True)
        shutil.copy(sys.executable, home / "bin" / "python")

    monkeypatch.setattr(environments, "_make", make)
    for _ in range(2):
        python = environments.find_python_for("litert==2.1.0", print)
    assert made == [("ai-edge-litert==2.1.0", "backports-strenum<1.3")]
    assert f"ai-edge-litert-2.1.0-py{version}" in str(python)
    assert environments.find_ready_python("litert", "2.1.0") == python


@pytest.mark.device
def test_tflite_runtime_refuses_what_the_table_foretold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing, fetched from the index: a dynamic-range file, the same operator and version."""
    monkeypatch.setenv("EDGEDIGITS_CACHE", str(tmp_path))
    flat = Dynamic()(rebuild(plain()), make_images(), "0..1")
    before = told(flat)
    assert [(one.operator, one.version, one.highest) for one in before.lacks] == [("FULLY_CONNECTED", 12, 10)]
    assert "export int8 or float32" in before.why_not
    environments.find_python_for(str(TFLITE_RUNTIME), lambda _: None)
    (found,) = foretell_and_load(flat, read(flat, "m"), [TFLITE_RUNTIME])
    assert found.loading is not None
    assert not found.loading.fine
    assert "'FULLY_CONNECTED' version '12'" in found.loading.why_not
    assert foretell_and_load(INT8.read_bytes(), read(INT8.read_bytes(), "m"), [TFLITE_RUNTIME])[0].runs
    with pytest.raises(CheckError, match="dynamic export: won't run on tflite-runtime"):
        check_runs_on(flat, "dynamic", [TFLITE_RUNTIME])
