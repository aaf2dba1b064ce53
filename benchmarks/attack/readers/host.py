"""The toolkit's readers that take no TensorFlow."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np

from benchmarks.attack.readers.calling import Case, Reader, Refused, WrongEnd, cli, refusing
from benchmarks.attack.readers.placing import released, sealed


def _inspected(case: Case) -> Refused | None:
    return cli("inspect", case.file, "--slim", "--json")


def _shown(case: Case) -> Refused | None:
    return cli("inspect", case.file)


def _estimated(case: Case) -> Refused | None:
    return cli("estimate", case.file, "--device", "pi4")


def _packed(case: Case) -> Refused | None:
    return cli("pack", case.file, "--slim", "--form", "gz", "--out", case.folder / "out.tflite")


def _repacked(case: Case) -> Refused | None:
    return cli("pack", case.file, "--form", "zst", "--out", case.folder / "out.tflite")


@refusing
def _cut(case: Case) -> None:
    """What `advise`, `estimate` and `profile` take apart, once the file was read."""
    from edgedigits.measure.profile.variants import list_variants
    from edgedigits.tflite.flatbuffer import read
    from edgedigits.tflite.fragments import cut
    from edgedigits.tflite.multiply_adds import count_per_operator

    flat = case.file.read_bytes()
    contents = read(flat, str(case.file))
    for part in cut(flat):
        list(list_variants(part.flat) if part.flat else ())
    count_per_operator(contents)


@refusing
def _data(case: Case) -> None:
    """As `bench`, `compress` and `train` load what --data names; what is taken must be what NumPy finds in the file."""
    from edgedigits.data.images import read_all
    from edgedigits.data.sources.named import load_data

    found = load_data(str(case.file))
    read_all(found.train), read_all(found.test)
    for name, part in (("y_train", found.train), ("y_test", found.test)):
        with np.load(case.file) as arrays:
            labels = arrays[name].reshape(-1)
        if not np.array_equal(labels, part.labels):
            raise WrongEnd(f"other labels than in the file: {name} is {labels.dtype}, up to {labels.max()}")


@refusing
def _pictures(case: Case, **options: object) -> None:
    """The spoiled picture among right ones."""
    from edgedigits.data.images import read_all
    from edgedigits.data.sources.named import load_data

    for name in ("a", "b"):
        (case.folder / "pictures" / name).mkdir(parents=True)
        for number in range(3):
            shutil.copy(case.corpus / "picture" / "grey.png", case.folder / "pictures" / name / f"{number}.png")
    shutil.copy(case.file, case.folder / "pictures" / "b" / case.file.name)
    found = load_data(str(case.folder / "pictures"), resize=(12, 12), **options)  # type: ignore[arg-type]
    read_all(found.train), read_all(found.test)


def _pictures_skipped(case: Case) -> Refused | None:
    return _pictures(case, skip_bad=True, grey=True)


def _recipe(case: Case) -> Refused | None:
    return cli("recipes", "check", case.file)


@refusing
def _hosts(case: Case) -> None:
    from edgedigits.devices.hosts import read_hosts

    read_hosts(case.file)


def _manifest(case: Case) -> Refused | None:
    return cli("inspect", released(case, "manifest.json"))


@refusing
def _task(case: Case, folder: Path) -> None:
    """What `bench` makes of a folder before anything is measured."""
    from edgedigits.measure.bench_job import BenchWish, make_task

    make_task(BenchWish(tflite=folder), case.folder)


def _task_of_manifest(case: Case) -> Refused | None:
    return _task(case, released(case, "manifest.json", seal=True))


@refusing
def _config(case: Case) -> None:
    """What a saved model says of itself, before any Keras sees it."""
    from edgedigits.models.saved import saved_files

    with saved_files.translate(case.file, "reading the model"):
        saved_files.read(case.file, case.folder)


@refusing
def _result(case: Case) -> None:
    from edgedigits.measure.result_check import read_result

    read_result(case.file)


@refusing
def _record(case: Case) -> None:
    """The record beside a model, with the hash of that model, so that it is believed."""
    from edgedigits.models.zoo.shipped import find_record_beside

    model = case.folder / "taught.keras"
    shutil.copy(case.corpus / "taught" / "pico.keras", model)
    model.with_suffix(".json").write_bytes(_of(model, case.file.read_bytes()))
    found = find_record_beside(model)
    if found is not None:
        str(found["input"]["scale"]), str(found["data"]["fingerprint"])  # as its callers do


def _of(model: Path, record: bytes) -> bytes:
    """The record with the hash of `model`, where it is one."""
    try:
        found = json.loads(record)
        if isinstance(found, dict):
            return json.dumps(
                sealed({**found, "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest()})
            ).encode()
    except (ValueError, RecursionError):
        pass
    return record


READERS = (
    Reader("inspect --slim", ("model", "packed"), "host", _inspected, 0.7),
    Reader("inspect", ("model",), "host", _shown, 0.3),
    Reader("estimate", ("model",), "host", _estimated, 0.3),
    Reader("pack --slim", ("model",), "host", _packed, 0.1),
    Reader("pack", ("model", "packed"), "host", _repacked, 0.3),
    Reader("fragments", ("model",), "host", _cut),
    Reader("--data NPZ", ("data",), "host", _data),
    Reader("--data FOLDER", ("picture",), "host", _pictures),
    Reader("--data FOLDER --skip-bad", ("picture",), "host", _pictures_skipped, 0.5),
    Reader("config", ("keras", "h5"), "host", _config),
    Reader("recipes check", ("recipe",), "host", _recipe),
    Reader("hosts", ("hosts",), "host", _hosts),
    Reader("inspect FOLDER", ("manifest",), "host", _manifest),
    Reader("bench FOLDER", ("manifest",), "host", _task_of_manifest),
    Reader("result", ("result",), "host", _result),
    Reader("record beside", ("record",), "host", _record),
)
