"""Folds, seeds and event files of `train`: what they tell is true, and an interrupted one ends as one that was not."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import edgedigits as ed
from edgedigits.api.train import Training
from edgedigits.backend import keras, tf
from edgedigits.cli.main import cli
from edgedigits.cli.options.training_options import GROUPS
from edgedigits.data.dataset import Dataset
from edgedigits.data.images import read_all
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import check_folds, cut_folds, split, split_folds
from edgedigits.errors import InputError
from edgedigits.ground.facts import silent
from edgedigits.pipeline.baselines import save
from edgedigits.pipeline.train import Settings, Trained
from edgedigits.pipeline.training.event_log import TAGS
from edgedigits.pipeline.training.plan import Plan, carry_out
from tests.labelled import SHAPES, coloured

NET: dict[str, Any] = {"filters": [4, 8], "strides": [2, 2], "dropout": 0.3}  # normalizes, and drops out by chance
MIXED = Settings("nano", epochs=2, batch=32, rate=1e-2, augment="none", also={"mixup": 0.2}, options=NET)


PYTHON = {"pixel_range": "scale", "as_json": "json"}
"""What the code calls options whose words are others."""


class Interrupted(Exception):
    """Stands for a user's Ctrl-C."""


def interrupt_at(line: str) -> Callable[[str], None]:
    """Is told lines, until one begins so."""

    def say(told: str) -> None:
        if told.startswith(line):
            raise Interrupted

    return say


def trained(plan: Plan, data: Dataset, out: Path, say: Callable[[str], None] = lambda _: None) -> Trained:
    return carry_out(plan, MIXED, data, out, out.with_suffix(".training"), say, silent)


def weights_of(path: Path) -> list[np.ndarray]:
    found: list[np.ndarray] = keras.models.load_model(path).get_weights()
    return found


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def steps_of(folder: Path) -> list[tuple[int, str, np.float32]]:
    """What the event files of a folder hold, read as TensorBoard reads them."""
    found = []
    for file in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found.append((event.step, value.tag, np.float32(tf.make_ndarray(value.tensor))))
    return found


def test_folds_take_each_image_once_and_each_class_alike() -> None:
    labels = np.repeat(np.arange(4), (31, 17, 50, 6)).astype(np.int32)
    dealt = cut_folds(labels, 5, np.random.default_rng(1))
    assert np.ptp(np.bincount(dealt)) <= 1
    assert all(np.ptp(np.bincount(dealt[labels == kind], minlength=5)) <= 1 for kind in range(4))
    assert (dealt == cut_folds(labels, 5, np.random.default_rng(1))).all()
    assert (dealt != cut_folds(labels, 5, np.random.default_rng(2))).any()


def test_what_a_fold_holds_out_is_neither_fit_nor_for_validation(shapes: Path) -> None:
    data = load_data(str(shapes))
    plain, folds = split(data, "0..1", 7), list(split_folds(data, "0..1", 7, 4))
    rows = [[row.tobytes() for row in read_all(held)] for _, held in folds]
    judged = {row.tobytes() for row in read_all(plain.validation)}
    assert len({row for held in rows for row in held}) == sum(map(len, rows)) == len(data.train) - len(plain.validation)
    for (fold, _), held in zip(folds, rows, strict=True):
        assert {row.tobytes() for row in read_all(fold.validation)} == judged
        fit = {row.tobytes() for row in read_all(fold.fit)}
        assert not fit & {*held, *judged}
        assert len(fit) + len(held) + len(judged) == len(data.train)


def test_a_class_with_fewer_images_than_folds_is_named(shapes: Path) -> None:
    data = load_data(str(shapes))
    check_folds(data, 54)
    with pytest.raises(
        InputError, match=r"--kfold 55: class '0' of data shapes has 54 training images beside .*--kfold 54"
    ):
        check_folds(data, 55)
    pixels, labels = coloured(40)
    some = Dataset.from_arrays(pixels, labels, pixels, labels, SHAPES)
    with pytest.raises(InputError, match="class 'framed' of data arrays has"):
        check_folds(some, 20)


def test_folds_interrupted_go_on_to_the_same_nets_and_score(shapes: Path, tmp_path: Path) -> None:
    data, plan = load_data(str(shapes)), Plan(kfold=2, keep_all=True, tensorboard=tmp_path / "logs")
    whole, out, cut = trained(plan, data, tmp_path / "whole.keras"), tmp_path / "whole.keras", tmp_path / "cut.keras"
    with pytest.raises(Interrupted):
        trained(plan, data, cut, interrupt_at("fold1 (2/3): epoch 1/"))
    said: list[str] = []
    resumed = trained(plan, data, cut, said.append)
    assert [line.split("  ")[0] for line in said] == [
        "fold0 (1/3): resuming after epoch 2",
        "fold1 (2/3): resuming after epoch 1",
        "fold1 (2/3): epoch 2/2",
        "all (3/3): epoch 1/2",
        "all (3/3): epoch 2/2",
    ]
    assert same(whole.model.get_weights(), resumed.model.get_weights())
    found = whole.record["kfold"]
    right = 0
    for number, (_, held) in enumerate(split_folds(data, "0..1", 0, 2)):
        path = out.with_name(f"whole-fold{number}.keras")
        assert same(weights_of(path), weights_of(cut.with_name(f"cut-fold{number}.keras")))
        answers = keras.models.load_model(path).predict(read_all(held) / 255.0, verbose=0).argmax(axis=1)
        assert found["each"][number]["accuracy"] == pytest.approx((answers == held.labels).mean())
        right += int((answers == held.labels).sum())
        record = json.loads(path.with_suffix(".json").read_text())
        assert record["fold"] == {"number": number, "of": 2, "held_out": len(held)}
        assert f"It is fold {number} of 2, and has not seen {len(held)} more" in path.with_suffix(".md").read_text()
    assert found["out_of_fold"]["accuracy"] == pytest.approx(right / found["out_of_fold"]["images"])
    assert found["out_of_fold"]["accuracy_low"] < right / 162 < found["out_of_fold"]["accuracy_high"]
    assert resumed.record["kfold"]["out_of_fold"] == found["out_of_fold"]
    rows = list(csv.DictReader((tmp_path / "cut-fold1.csv").read_text().splitlines()))
    assert {path.name for path in (tmp_path / "logs").iterdir()} >= {"cut-fold0", "cut-fold1", "cut-all"}
    wanted = [(int(row["epoch"]), tag, np.float32(row[name])) for row in rows for name, tag in TAGS.items()]
    assert steps_of(tmp_path / "logs" / "cut-fold1") == wanted


def test_seeds_keep_the_best_by_validation_and_tell_of_all(shapes: Path, tmp_path: Path) -> None:
    data, plan = load_data(str(shapes)), Plan(seeds=2, keep_all=True)
    whole, out = trained(plan, data, tmp_path / "whole.keras"), tmp_path / "whole.keras"
    with pytest.raises(Interrupted):
        trained(plan, data, tmp_path / "cut.keras", interrupt_at("seed1 (2/2): epoch 1/"))
    resumed, found = trained(plan, data, tmp_path / "cut.keras"), whole.record["seeds"]
    assert same(whole.model.get_weights(), resumed.model.get_weights())
    nets = [weights_of(out.with_name(f"whole-seed{seed}.keras")) for seed in (0, 1)]
    assert not same(*nets), "two seeds, two nets"
    records = [json.loads(out.with_name(f"whole-seed{seed}.json").read_text()) for seed in (0, 1)]
    assert same(nets[found["chosen"]], whole.model.get_weights())
    validation = [record["validation_accuracy"] for record in records]
    assert validation[found["chosen"]] == max(validation)
    assert found["validation_accuracy"] == {
        "median": np.mean(validation),
        "lowest": min(validation),
        "highest": max(validation),
    }
    save(whole.model, whole.record, out)
    told = str(Training(out, whole.record))
    assert "2 seeds, median and range: validation " in told
    assert f"kept is seed {found['chosen']}, the best by validation" in out.with_suffix(".md").read_text()
    assert list(Training(out, whole.record).to_frame("trainings")["seed"]) == [0, 1]


def test_labels_train_with_all_of_it(tmp_path: Path) -> None:
    pixels, labels = coloured(150)
    data = Dataset.from_arrays(pixels, labels, pixels[:40], labels[:40], SHAPES)
    found = ed.train(
        *("mlp", data),
        out=tmp_path / "net.keras",
        progress=False,
        epochs=1,
        batch=32,
        augment="none",
        mixup=0.2,
        cutout=0.2,
        elastic=0.05,
        label_smoothing=0.1,
        class_weights={"framed": 3},
        kfold=2,
        tensorboard=tmp_path / "logs",
    )
    assert found.record["class_weights"] == pytest.approx({"bar": 0.6, "green": 0.6, "framed": 1.8})
    assert found.record["kfold"]["out_of_fold"]["f1_macro"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "net.csv", "net.json", "net.keras", "net.md"]
    assert "tensorboard" not in sys.modules
    card = (tmp_path / "net.md").read_text()
    assert "| augmentation | none, and elastic 0.05, and cutout 0.2, and mixup 0.2 |" in card
    assert "| class weights | framed 3 |" in card


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("--kfold 55", "fewer than folds; give at most --kfold 54"),
        ("--kfold 1", "1 is not in the range x>=2"),
        ("--kfold 3 --seeds 2", "--kfold 3: goes with one seed"),
        ("--seeds 2 --seed 4294967295", "seed 4294967296: wanted"),
        ("--keep-all", "--keep-all: there is one net"),
        ("--label-smoothing 1", "--label-smoothing 1: wanted a number from 0 up to, but not, 1"),
        ("--label-smoothing -0.1", "-0.1 is not in the range"),
        ("--class-weights 1=2,7=3", "--class-weights: the data has no class '7'"),
        ("--class-weights rare", "--class-weights rare: choose from none, auto, balanced, or give"),
        ("--class-weights 1=no", "--class-weights 1=no: found the weight 'no'"),
        ("--class-weights 1=0", "found the weight '0'"),
        ("--mixup 0.6", "0.6 is not in the range"),
        ("--tensorboard IN_THE_WAY/logs", "IN_THE_WAY/logs: can't be written"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_writes_nothing(
    typed: str, said: str, shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("IN_THE_WAY").write_text("a file")
    done = CliRunner().invoke(cli, ["train", "mlp", "--data", str(shapes), "--out", "net.keras", *typed.split()])
    assert done.exit_code == 2 or getattr(done.exception, "exit_code", 0) == 2
    assert said in (str(done.exception) if isinstance(done.exception, InputError) else done.output)
    assert [path.name for path in tmp_path.iterdir()] == ["IN_THE_WAY"]


def test_the_help_shows_every_option_once() -> None:
    names = {str(option.name) for option in cli.commands["train"].params}
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) - {"scale", "pixel_range"} <= names
    shown = CliRunner().invoke(cli, ["train", "--help"]).output
    for name in names - {"name"}:
        assert shown.count(f"\n  --{PYTHON.get(name, name).replace('_', '-')} ") == 1
