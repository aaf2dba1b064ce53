"""The toolkit's readers that take TensorFlow: models, kept stages, checkpoints of a training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from benchmarks.attack.readers.calling import Case, Reader, Refused, cli, refusing


@refusing
def _loaded(case: Case) -> None:
    from edgedigits.models.importer.loading import load

    load(case.file)


def _compressed(case: Case) -> Refused | None:
    """From end to end, by the recipe that trains nothing."""
    data = case.corpus / "data" / "shapes.npz"
    given = (
        "--recipe",
        "ptq_int8",
        "--model",
        case.file,
        "--data",
        data,
        "--scale",
        "0..1",
        "--out",
        case.folder / "out",
    )
    return cli("compress", *given)


def _advised(case: Case) -> Refused | None:
    data = case.corpus / "data" / "shapes.npz"
    return cli("advise", "--recipe", "ptq_int8", "--model", case.file, "--data", data, "--scale", "0..1")


def _kept(name: str, case: Case) -> Refused | None:
    """A kept stage of which one file is spoiled: it counts as none, or as what it was."""
    import os
    from unittest import mock

    from edgedigits.pipeline.stage_cache import StageCache

    with mock.patch.dict(os.environ, {"EDGEDIGITS_CACHE": str(case.folder)}):
        shutil.copytree(case.corpus / "stage", case.folder / "stages" / "key")
        shutil.copy(case.file, case.folder / "stages" / "key" / name)
        found = StageCache().load("key")
        if found is not None:
            {**found[1]}.items()  # facts go into a record of their own
    return None


def _kept_layers(case: Case) -> Refused | None:
    return _kept("model.json", case)


def _kept_weights(case: Case) -> Refused | None:
    return _kept("weights.npz", case)


def _kept_masks(case: Case) -> Refused | None:
    return _kept("masks.npz", case)


def _kept_facts(case: Case) -> Refused | None:
    return _kept("facts.json", case)


def trained(data: Path, work: Path) -> Any:
    """A training of one epoch that leaves its checkpoint in `work`, or goes on from the one that is there."""
    from edgedigits.data.sources.named import load_data
    from edgedigits.pipeline.train import Settings, train

    settings = Settings("mlp", epochs=1, batch=32, patience=1, scale="0..1", augment="none")
    return train(settings, load_data(str(data)), work)


@refusing
def _resumed(case: Case) -> None:
    """The spoiled file in place of the one of a checkpoint, and the training gone on with."""

    shutil.copytree(case.corpus / "training", case.folder / "training")
    shutil.copy(case.file, case.folder / "training" / case.file.name)
    trained(case.corpus / "data" / "shapes.npz", case.folder / "training")


def _timed(case: Case) -> Refused | None:
    """Kept timings of operators: spoiled ones are measured again."""
    import os
    from unittest import mock

    from edgedigits.measure.cost import operator_latency
    from edgedigits.tflite.fragments import cut

    with mock.patch.dict(os.environ, {"EDGEDIGITS_CACHE": str(case.folder)}):
        (case.folder / "timings").mkdir()
        shutil.copy(case.file, case.folder / "timings" / case.file.name)
        parts = cut((case.corpus / "release" / "model.tflite").read_bytes())
        operator_latency.measure_timings(parts, "litert", lambda _: None, window_s=0.001)
    return None


READERS = (
    Reader("load", ("keras", "h5"), "keras", _loaded, 0.6),
    Reader("compress", ("keras", "h5"), "keras", _compressed, 0.01),
    Reader("advise", ("keras", "h5"), "keras", _advised, 0.01),
    Reader("kept stage, model", ("layers",), "keras", _kept_layers),
    Reader("kept stage, weights", ("weights",), "keras", _kept_weights),
    Reader("kept stage, masks", ("masks",), "keras", _kept_masks),
    Reader("kept stage, facts", ("facts",), "keras", _kept_facts),
    Reader("train again", ("state", "checkpoint"), "keras", _resumed, 0.5),
    Reader("kept timings", ("timings",), "host", _timed, 0.3),
)
