"""Classical models: trained, judged and timed, in files that run no code; teachers of nets, and nothing more."""

from __future__ import annotations

import builtins
import json
import pickle
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import edgedigits as ed
from edgedigits.backend import keras, tf
from edgedigits.cli.main import main
from edgedigits.data.images import read_all
from edgedigits.data.scale import parse_scaling
from edgedigits.data.sources.named import load_data
from edgedigits.models.classical.estimators import ESTIMATORS
from edgedigits.models.classical.features import Features
from edgedigits.models.classical.skops_file import TRUSTED, load_classical
from edgedigits.models.zoo.shipped import find_record_beside
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.distil.teachers import load_teachers
from tests.conftest import shapes_npz
from tests.nets import classifier, fit_data


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """So small data is learned no faster by more, and they get into each other's way."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def data(shapes: Path) -> ed.Dataset:
    return load_data(str(shapes))


@pytest.fixture(scope="module")
def forest(data: ed.Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("forest") / "m.skops"
    return ed.train("random_forest", data, out=out, features="hog", progress=False).path


@pytest.mark.parametrize(
    ("name", "features"),
    [*zip(ESTIMATORS, ("pca", "pixels", "hog", "lda", "pca"), strict=True), ("GaussianNB", "pca")],
)
def test_each_is_trained_judged_and_read_again(name: str, features: str, data: ed.Dataset, tmp_path: Path) -> None:
    out = tmp_path / "m.skops"
    made = ed.train(name, data, out=out, features=features, progress=False)
    again = load_classical(out)
    answers = again.answer(read_all(data.test))
    assert answers.shape == (len(data.test), 3)
    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (answers.argmax(axis=1) == data.test.labels).mean() == pytest.approx(made.accuracy)
    assert made.accuracy > 0.9
    record = made.record
    assert record["size_bytes"] == out.stat().st_size
    low, high = record["test_accuracy_interval"]
    assert low < made.accuracy <= high
    assert min(record["latency"].values()) > 0
    assert find_record_beside(out) is not None
    assert f"{record['size_bytes']:,}" in out.with_suffix(".md").read_text()
    assert not made.to_frame().size


def test_colour_and_the_same_seed_give_the_same_file_again(tmp_path: Path) -> None:
    colours = load_data(str(shapes_npz(tmp_path / "colour.npz", channels=3, size=20)))
    made = [
        ed.train("random_forest", colours, out=tmp_path / f"{n}.skops", features="hog", progress=False) for n in (1, 2)
    ]
    one, other = (load_classical(each.path).answer(read_all(colours.test)) for each in made)
    assert (one == other).all()
    assert made[0].record["features"] == {"name": "hog", "count": Features("hog", (20, 20, 3)).count}
    assert made[0].accuracy > 0.9


@pytest.mark.parametrize("shape", [(28, 28, 1), (20, 24, 1), (96, 130, 3), (12, 12, 1)])
def test_hog_has_as_many_numbers_as_it_says(shape: tuple[int, int, int]) -> None:
    found = Features("hog", shape)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    assert found.compute(pixels).shape == (2, found.count)
    assert 36 <= found.count <= 4000


def test_a_classical_model_teaches(forest: Path, shapes: Path) -> None:
    data = fit_data(shapes)
    start = Candidate(classifier())
    (teacher,) = load_teachers([str(forest)], start, data, None)
    assert teacher.scale == parse_scaling("0..255")
    pixels = data.validation.read(np.arange(5))
    assert np.asarray(teacher.model(tf.cast(pixels, tf.float32))) == pytest.approx(
        load_classical(forest).answer(pixels), abs=1e-6
    )
    taught, facts = Distil(
        teacher=str(forest), student="self", epochs=0.1, min_steps=60, batch=32, augment=False, share=1.0
    )(start, data)
    assert facts["teachers"] == [{"name": str(forest), "parameters": 0}]
    assert facts["teacher_validation_accuracy"] > 0.9
    labels = data.validation.labels
    answers = taught.model(data.validation.read(np.arange(len(labels))) / np.float32(255))
    assert (np.asarray(answers).argmax(axis=1) == labels).mean() > 0.8
    wide = keras.Sequential([keras.Input((10, 10, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    with pytest.raises(ed.ModelError, match="takes images of shape 12x12x1, the recipe's model 10x10x1"):
        load_teachers([str(forest)], Candidate(wide), data, None)


class Runs:
    """Would run code where a pickle is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code of the file ran')",))


def test_only_named_classes_are_loaded(forest: Path, tmp_path: Path) -> None:
    assert all(one.startswith("sklearn.") for one in TRUSTED)
    path = tmp_path / "evil.skops"
    with zipfile.ZipFile(forest) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "schema.json":
                content = content.replace(b"RandomForestClassifier", b"Evil").replace(
                    b"sklearn.ensemble._forest", b"os"
                )
            target.writestr(name, content)
    with pytest.raises(ed.ModelError, match=r"names 'os\.Evil', which is none of the classes that are loaded"):
        load_classical(path)
    path.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(ed.ModelError, match="not a readable") as caught:
        load_classical(path)
    assert "\n" not in str(caught.value)
    path.write_bytes(forest.read_bytes()[:-2000])
    with pytest.raises(ed.ModelError, match="not a readable"):
        load_classical(path)
    from skops import io

    io.dump({"a": 1}, path)
    with pytest.raises(ed.ModelError, match="no classical model that `edgedigits train` wrote"):
        load_classical(path)


def test_wrong_calls_are_one_sentence_and_end_with_2(
    forest: Path, shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest = ["--data", str(shapes), "--out", str(tmp_path / "m.skops")]
    forest_words = ["random_forest", "--data", str(shapes)]
    for words, says in (
        (["train", *forest_words, "--out", "m.keras"], "ends in .skops"),
        (
            ["train", "svm", "--features", "sift", *rest],
            "--features sift: no such features; choose from pixels, hog, pca, lda",
        ),
        (["train", "Svm", *rest], "Svm: no net and no classical model; choose from gradient_boosting, k_nearest"),
        (["train", "Perceptron", *rest], "answers no probabilities"),
        (["train", "VotingClassifier", *rest], "can't be made without settings of its own"),
        (["train", "svm", "--rate", "0.1", *rest], "--rate: an option of nets that learn in epochs, not of svm"),
        (["train", "svm", "--scale", "-1..1", *rest], "classical models take pixels as 0..1"),
        (["train", "cnn", "--features", "hog", *rest], "--features hog: an option of classical models, not of cnn"),
        (
            ["compress", "--model", str(forest), "--recipe", "ptq_int8", "--data", str(shapes), "--out", str(tmp_path)],
            "it can teach: name it in a recipe",
        ),
    ):
        monkeypatch.setattr("sys.argv", ["edgedigits", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr().err.strip().splitlines()
        assert ended.value.code == 2
        assert says in told[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("missing", "says"), [("skops", "random_forest: needs skops"), ("skimage", "needs scikit-image")]
)
def test_without_the_extra_one_sentence_names_it(
    missing: str, says: str, data: ed.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ImportError(name)
        return real(name, *rest)

    for name in [one for one in sys.modules if one.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(ed.InputError, match=rf'{says}.*pip install "edgedigits\[classical\]"'):
        ed.train("random_forest", data, out=tmp_path / "m.skops", features="hog", progress=False)
    assert not list(tmp_path.iterdir())


def test_json_is_the_record(
    shapes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["train", "k_nearest", "--data", str(shapes), "--out", str(tmp_path / "m.skops"), "--json"]
    monkeypatch.setattr("sys.argv", ["edgedigits", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    written = json.loads((tmp_path / "m.json").read_text())
    assert {**told, "schema": written["schema"]}.items() <= written.items()
