"""Shipping forms: .tflite.gz and .tflite.zst are written by the toolkit and opened by the runner, in memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from edgedigits_runner import packed as opening
from edgedigits_runner.errors import RunnerError
from edgedigits_runner.golden import replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.model_file import PACKED
from edgedigits_runner.predict import Predictor
from edgedigits_runner.release import read_release

from edgedigits.errors import InputError, TfliteError
from edgedigits.tflite.flatbuffer import read
from edgedigits.tflite.packed_file import FORMS, Form, name_form, pack_file, unpack_file
from edgedigits.tflite.rewrite.before_and_after import inspect
from edgedigits.tflite.rewrite.pack import pack
from tests.test_runner import ALLOWED, WALL, entry, run
from tests.tiny_artifact import tiny_artifact, write_manifest
from tests.warm import edgedigits

INT8 = Path(__file__).parent / "golden" / "int8.tflite"
ZEROS = bytes(4) + b"TFL3" + bytes(20_000)


def written(path: Path, form: Form) -> Path:
    target = name_form(path, form)
    target.write_bytes(pack_file(INT8.read_bytes(), form))
    return target


def release_in(folder: Path, form: Form) -> Path:
    """A release whose model is there in that form alone."""
    release = tiny_artifact(folder)
    manifest = json.loads((release / "manifest.json").read_text())
    for file in ("manifest.json", "model.tflite"):
        (release / file).unlink()
    written(release / "model.tflite", form)
    write_manifest(release, tuple(manifest["input"]["shape"]), len(manifest["data"]["classes"]))
    return release


@pytest.mark.parametrize("form", FORMS)
def test_what_is_packed_opens_to_the_same_bytes(form: Form, tmp_path: Path) -> None:
    path, flat = written(tmp_path / "m.tflite", form), INT8.read_bytes()
    assert path.name == "m.tflite" + ("" if form == "plain" else f".{form}")
    assert unpack_file(path) == flat
    assert pack_file(flat, form) == pack_file(flat, form)
    assert (len(pack_file(flat, form)) < len(flat)) == (form != "plain")
    assert name_form(path, "plain") == tmp_path / "m.tflite"


def test_any_gunzip_and_unzstd_open_them() -> None:
    flat = INT8.read_bytes()
    assert gzip.decompress(pack_file(flat, "gz")) == flat
    assert len(pack_file(flat, "gz")) <= len(gzip.compress(flat, 9, mtime=0))
    assert zstandard.ZstdDecompressor().decompress(pack_file(flat, "zst")) == flat


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_a_release_of_a_packed_model_answers_as_the_plain_one(form: Form, tmp_path: Path) -> None:
    image = np.arange(400, dtype=np.uint8)
    tops, runtime = [], load_runtime("litert")
    for release in (read_release(str(release_in(tmp_path / kind, kind))) for kind in ("plain", form)):
        predictor = Predictor(release, "litert", 1)
        pixels = np.resize(image, release.shape).astype(np.uint8)
        tops.append([predictor.answer(pixels)["top"], predictor.model.name])
        assert replay(release, runtime)["verdict"] == "bit-identical"
    assert tops[0] == tops[1]
    assert predictor.model.sha256 == hashlib.sha256(pack_file(INT8.read_bytes(), form)).hexdigest()


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_a_job_opens_it_behind_the_wall_and_hashes_it_as_shipped(form: Form, tmp_path: Path) -> None:
    model = entry(written(tmp_path / "m.tflite", form))
    shape = read(INT8.read_bytes(), "int8").inputs[0].shape[1:]
    np.savez(tmp_path / "eval.npz", images=np.zeros((3, *shape), np.uint8), labels=np.zeros(3, np.int32))
    job = {"schema": 1, "kind": "evaluate", "runtime": "litert", "models": [model], "eval": "eval.npz", "threads": 1}
    done, result = run(tmp_path, job, command=("-c", WALL))
    assert done.returncode == 0, done.stderr
    assert result["models"][0]["sha256"] == hashlib.sha256(Path(model["path"]).read_bytes()).hexdigest()
    roots = {name for line in done.stdout.splitlines() if line.startswith("ROOTS") for name in line.split()[1:]}
    foreign = roots - set(sys.stdlib_module_names) - ALLOWED - {"sitecustomize"}  # which Debian has of its own
    assert {name for name in foreign if not name.startswith("_")} <= (
        {"backports", "zstandard"} if form == "zst" else set()
    )


@pytest.mark.parametrize("form", ["gz", "zst"])
def test_what_is_broken_is_said(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pack_file(INT8.read_bytes(), form)
    path = tmp_path / f"m.tflite.{form}"
    for flat in (whole[:-5], whole[:100], b"", b"nothing of the kind", whole + b"more"):
        path.write_bytes(flat)
        with pytest.raises(RunnerError, match=r"m\.tflite\.\w+: truncated or altered \(.+\); copy it again"):
            opening.opened(str(path))
    with pytest.raises(TfliteError, match="truncated or altered"):
        unpack_file(path)
    path.write_bytes(pack_file(b"some other file", form))
    with pytest.raises(RunnerError, match="what is packed in it is not a"):
        opening.opened(str(path))
    monkeypatch.setattr(opening, "MOST_BYTES", 10_000)
    path.write_bytes(pack_file(ZEROS, form))
    with pytest.raises(RunnerError, match=r"opens to more than 0 MiB; ship the plain"):
        opening.opened(str(path))
    with pytest.raises(RunnerError, match="can't be read"):
        opening.opened(str(tmp_path / f"none.tflite.{form}"))


class _Modern:
    """The interface of Python 3.14's compression.zstd, on top of the package at hand."""

    ZstdError = zstandard.ZstdError

    class ZstdDecompressor:
        unused_data = b""

        def __init__(self) -> None:
            self._stream = zstandard.ZstdDecompressor().decompressobj()

        def decompress(self, data: bytes, max_length: int) -> bytes:
            found = self._stream.decompress(data)
            self.unused_data = self._stream.unused_data
            return found[:max_length]

        @property
        def eof(self) -> bool:
            return bool(self._stream.eof)


def test_zstd_of_python_itself_is_tried_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", _Modern)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = written(tmp_path / "m.tflite", "zst")
    assert opening.opened(str(path)) == INT8.read_bytes()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RunnerError, match="its end is missing"):
        opening.opened(str(path))


def test_a_python_without_zstd_is_told_of_gz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("compression.zstd", "backports.zstd", "pyzstd", "zstandard"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(RunnerError, match=r"has no zstd .* ship the \.tflite\.gz form, which every Python opens"):
        opening.opened(str(written(tmp_path / "m.tflite", "zst")))


def test_pack_writes_what_it_says(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    shutil.copy(INT8, model)
    found = pack(model, slim=True, form="zst", out=None)
    target = tmp_path / "m-slim.tflite.zst"
    assert (found["out"], found["out_bytes"]) == (str(target), target.stat().st_size)
    assert len(unpack_file(target)) == found["opened_bytes"] < found["plain_bytes"] == INT8.stat().st_size
    assert found["slim"]["examples"] == 32
    assert sum(found["slim"]["after"].values()) == found["opened_bytes"]
    _, change = inspect(model, slim=True)
    assert change is not None
    assert (change.before, change.after) == (found["slim"]["before"], found["slim"]["after"])
    assert inspect(target, slim=False)[1] is None
    with pytest.raises(InputError, match=r"m\.tflite: would be written over itself"):
        pack(model, slim=False, form="plain", out=None)


def test_pack_and_inspect_on_the_command_line(tmp_path: Path) -> None:
    model = tmp_path / "m.tflite"
    shutil.copy(INT8, model)
    done = edgedigits("pack", model, "--form", "gz", "--json")
    assert json.loads(done.stdout)["out_bytes"] == (tmp_path / "m.tflite.gz").stat().st_size
    assert "By slim" in edgedigits("inspect", tmp_path / "m.tflite.gz", "--slim").stdout
    bench = ("bench", "--tflite", tmp_path / "m.tflite.gz", "--scale", "0..1", "--windows", 1, "--window", 0.05)
    size = read(INT8.read_bytes(), "int8").inputs[0].shape[1:3]
    done = edgedigits(*bench, "--data", "digits", "--resize", f"{size[0]}x{size[1]}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["compressed"]["raw_bytes"] == (tmp_path / "m.tflite.gz").stat().st_size


def test_the_suffixes_are_those_of_the_forms() -> None:
    assert {f".tflite.{form}" for form in FORMS if form != "plain"} == set(PACKED)


def test_an_artifact_tells_what_its_model_was_before(tmp_path: Path) -> None:
    release = tiny_artifact(tmp_path / "a")
    manifest: dict[str, Any] = json.loads((release / "manifest.json").read_text())
    before = {**read(INT8.read_bytes(), "int8").parts, "metadata": 999}
    manifest["export"]["slim"] = {"before": before}
    (release / "manifest.json").write_text(json.dumps(manifest))
    for path in (release, release / "model.tflite"):
        _, change = inspect(path, slim=False)
        assert change is not None
        assert change.before["metadata"] == 999
    assert inspect(release / "float.tflite", slim=False)[1] is None
