"""Named sets of moves, what people write for one, and what `auto` chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

import edgedigits as ed
from edgedigits.backend import keras
from edgedigits.cli.main import cli
from edgedigits.data.augmentation.augment import Augment
from edgedigits.data.augmentation.colours import LUMA
from edgedigits.data.augmentation.mixing import mix
from edgedigits.data.augmentation.named_sets import SETS, check_said, make_augment
from edgedigits.data.dataset import Dataset
from edgedigits.data.feed import make_training_batches
from edgedigits.data.images import ArrayImages
from edgedigits.data.sources.named import load_data
from edgedigits.data.splits import FitData, split
from edgedigits.errors import InputError, RecipeError
from edgedigits.ground.facts import silent
from edgedigits.pipeline.augmenting.choice import pick
from edgedigits.pipeline.augmenting.decide import Question, find_out, find_out_once
from edgedigits.pipeline.augmenting.outlay import Outlay, measure_outlay
from edgedigits.pipeline.recipe import load_recipe, parse
from edgedigits.pipeline.train import Settings
from edgedigits.stages.candidate import Candidate
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.finetune import Finetune
from edgedigits.tasks.kinds.table import find_task
from edgedigits.tasks.losses import mix_losses

L = keras.layers
PLAIN = [79.246, 87.931, 144.568, 218.984, 109.999, 84.396]
ELASTIC = [67.889, 115.254, 147.75, 200.21, 123.59, 170.064]
"""What the moves of digits made of some pixels before there were other sets."""
MOVING = [name for name, augment in SETS.items() if augment]


def images_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape).astype(np.float32) * 255


def moving(name: str) -> Augment:
    augment = SETS[name]
    assert augment is not None
    return augment


def test_digits_are_moved_as_ever() -> None:
    images = (np.arange(2 * 8 * 8).reshape(2, 8, 8, 1) * 7 % 256).astype(np.float32)
    assert SETS["digits"] == Augment()
    assert np.array_equal(Augment().draws(2, [3, 4]), tf.random.stateless_uniform([2, 7], [3, 4], -1.0, 1.0))
    for augment, wanted in ((Augment(), PLAIN), (Augment(elastic=0.04), ELASTIC)):
        assert augment(images, [3, 4]).numpy()[:, ::3, 5, 0].ravel() == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("shape", [(6, 8, 8, 1), (5, 13, 9, 3)])
def test_a_set_moves_any_image_the_same_way_for_the_same_seed(name: str, shape: tuple[int, ...]) -> None:
    images, augment = images_of(*shape), moving(name)
    call = tf.function(augment)
    found = call(images, tf.constant([1, 2])).numpy()
    assert found.shape == shape
    assert found.dtype == np.float32
    assert found.min() >= -1e-3
    assert found.max() <= 255.001
    assert np.array_equal(found, call(images, tf.constant([1, 2])).numpy())
    assert np.abs(found - call(images, tf.constant([1, 3])).numpy()).max() > 1
    draws, rows = augment.draws(shape[0], [1, 2]), [3, 0]
    kept = augment.moved(images[rows], tf.gather(draws, rows)).numpy()
    assert np.abs(kept - augment.moved(images, draws).numpy()[rows]).max() < 1e-3


def test_a_flip_mirrors_half_of_the_images_and_nothing_else() -> None:
    images = images_of(40, 7, 10, 3)
    found = Augment.only(flip=True)(images, [5, 6]).numpy()
    mirrored = [np.abs(one - plain[:, ::-1]).max() < 1e-3 for one, plain in zip(found, images, strict=True)]
    same = [np.abs(one - plain).max() < 1e-3 for one, plain in zip(found, images, strict=True)]
    assert all(one != other for one, other in zip(mirrored, same, strict=True))
    assert 10 < sum(mirrored) < 30


def test_a_crop_moves_by_whole_pixels() -> None:
    images = images_of(30, 12, 12, 1).round()
    found = Augment.only(crop=0.25)(images, [5, 6]).numpy()
    assert np.abs(found - found.round()).max() < 1e-3, "as sharp as before"
    places = [
        [(down, over) for down in range(-3, 4) for over in range(-3, 4) if _is_shifted(one, plain, down, over)]
        for one, plain in zip(found[..., 0], images[..., 0], strict=True)
    ]
    assert all(len(found) == 1 for found in places)
    assert len({found[0] for found in places}) > 10


def _is_shifted(found: np.ndarray, plain: np.ndarray, down: int, over: int) -> bool:
    rows, columns = (np.clip(np.arange(12) + by, 0, 11) for by in (down, over))
    return bool(np.abs(found - plain[rows][:, columns]).max() < 1e-3)


def test_hue_and_saturation_leave_brightness_and_brightness_leaves_colours() -> None:
    images = 100 + images_of(8, 6, 6, 3) / 10  # nothing is cut off at the ends
    for moves in ({"hue": 0.2}, {"saturation": 0.5}):
        found = Augment.only(**moves)(images, [1, 2]).numpy()
        assert np.abs(found @ LUMA - images @ LUMA).max() < 0.5
        assert np.abs(found - images).max() > 2
    brighter = Augment.only(brightness=0.1)(images, [1, 2]).numpy() - images
    assert np.ptp(brighter, axis=(1, 2, 3)).max() < 1e-3
    assert 5 < np.abs(brighter).max() < 25.5
    grey = images_of(8, 6, 6, 1)
    assert np.array_equal(Augment.only(hue=0.2, saturation=0.5)(grey, [1, 2]).numpy(), grey), "grey has no colour"
    flat = Augment.only(contrast=1.0)(grey, [1, 2]).numpy()
    assert np.abs(flat.mean() - grey.mean()) < 20


@pytest.mark.parametrize("channels", [1, 3])
def test_elastic_bends_by_a_share_of_the_side_whatever_the_size(channels: int) -> None:
    """Of ramps that go from 0 to 200 along a side, how far a point is read from is how much brighter it became."""
    bent = []
    for height, width in ((20, 24), (60, 72)):
        ramp = np.linspace(0, 200, width, dtype=np.float32) * np.ones((height, 1), np.float32)
        images = np.repeat(np.stack([ramp] * 8)[..., None], channels, axis=-1)
        found = Augment.only(elastic=0.05)(images, [1, 2]).numpy()
        assert np.array_equal(found, Augment.only(elastic=0.05)(images, [1, 2]).numpy())
        bent.append(np.abs(found - images)[:, :, width // 4 : -width // 4].max() / 200)
    assert bent[0] == pytest.approx(bent[1], rel=0.15)
    assert 0.02 < bent[0] < 0.07


def test_cutout_hides_a_square_at_most_that_large() -> None:
    images = images_of(50, 20, 20, 3)
    changed = (Augment.only(cutout=0.5)(images, [1, 2]).numpy() != images).any(axis=-1)
    assert 30 < changed.sum(axis=(1, 2)).max() <= 110
    assert changed.any(axis=1).sum(axis=1).max() <= 11


@pytest.mark.parametrize("moves", [{"mixup": 0.4}, {"cutmix": 0.4}, {"mixup": 0.4, "cutmix": 0.4}])
def test_mixed_images_have_the_share_that_is_said_of_them(moves: dict[str, float]) -> None:
    """Of black and white images: how bright one is, is its share."""
    images = np.zeros((40, 10, 10, 1), np.float32)
    images[:20] = 255
    mixed, share = (part.numpy() for part in mix(images, Augment.only(**moves), [1, 2]))
    bright = mixed.mean(axis=(1, 2, 3)) / 255
    assert bright[:20] == pytest.approx(1 - share[:20], abs=1e-4)
    assert bright[20:] == pytest.approx(share[20:], abs=1e-4)
    assert 0.2 < share.max() <= 0.45
    assert share.std() > 0.05


def test_batches_carry_the_shares_and_the_loss_follows_them(shapes: Path) -> None:
    images = load_data(str(shapes)).train
    batches = make_training_batches(images, "0..1", 32, 7, 2, Augment.only(mixup=0.4))
    pixels, labels, share = next(iter(batches))
    assert pixels.shape == (32, 12, 12, 1)
    logits, task = tf.random.stateless_normal([32, 3], [1, 2]), find_task(load_data(str(shapes)))
    loss = mix_losses(
        lambda mean, labels: mean(task.loss(labels, logits), labels),
        share,
        lambda losses, _: tf.reduce_mean(losses),
        labels,
    )
    own, others = task.loss(labels, logits), task.loss(labels[::-1], logits)
    assert float(loss) == pytest.approx(float(np.mean((1 - share) * own + share * others)), rel=1e-5)


@pytest.mark.parametrize("stage", [Finetune(min_steps=4, epochs=0.1), Distil(min_steps=4, epochs=3, pool=2, batch=64)])
def test_stages_train_on_mixed_images(stage: Any, shapes: Path) -> None:
    data = split(load_data(str(shapes)), "0..1", 0, augment=Augment.only(mixup=0.3, cutmix=0.3))
    net = keras.Sequential([keras.Input((12, 12, 1)), L.Flatten(), L.Dense(3, activation="softmax")])
    start = Candidate(keras.Model(net.inputs, net.outputs), original=keras.Model(net.inputs, net.outputs))
    one, facts = stage(start, data)
    other, _ = stage(start, data)
    assert np.isfinite(facts["closing_loss"])
    for first, second in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        assert np.array_equal(first, second)


# What people write


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("fotos", "augment: unknown set 'fotos'; nearest: photos; choose from auto, digits, none, objects, photos"),
        ({"flop": True}, "augment: unknown move 'flop'; nearest: flip; choose from brightness"),
        ({"flip": 0.5}, "augment: flip: found 0.5; wanted true or false"),
        ({"shift": 2}, "augment: shift: found 2; wanted a number from 0 to 0.5"),
        ({"hue": True}, "augment: hue: found True; wanted a number from 0 to 0.5"),
        ({"zoom": float("nan")}, "augment: zoom: found nan; wanted a number from 0 to 0.9"),
        ("{flip: true", "augment: line 1 not YAML"),
        (3, "augment: found int '3'; wanted auto, none, digits, objects, photos, or moves with limits"),
        (["flip"], "augment: found list"),
    ],
)
def test_wrong_sets_are_refused_with_what_would_do(said: Any, fault: str) -> None:
    with pytest.raises(InputError) as refused:
        check_said(said, "augment")
    assert str(refused.value).startswith(fault)
    with pytest.raises(RecipeError, match=r"x\.yaml: augment: "):
        parse({"augment": said, "export": "int8"}, "x.yaml", "x")
    if isinstance(said, str):
        done = CliRunner().invoke(cli, ["compress", "--recipe", "qat_int8", "--augment", said])
        assert isinstance(done.exception, InputError)
        assert str(done.exception).startswith(f"--{fault}")


def test_moves_are_named_and_no_others_are_made() -> None:
    found = make_augment(check_said("{flip: true, shift: 0.1}", "augment"))
    assert found == Augment(0.0, 0.1, 0.0, 0.0, flip=True)
    assert found.as_json() == {"shift": 0.1, "flip": True}
    assert make_augment({}) is make_augment({"flip": False}) is make_augment("none") is None


def test_a_recipe_says_it_and_the_command_line_says_it_louder() -> None:
    plain, said = ({"stages": ["qat"], "export": "int8", **more} for more in ({}, {"augment": "digits"}))
    before, recipe = parse(plain, "x.yaml", "x"), parse(said, "x.yaml", "x")
    assert "augment" not in before.as_dict()
    assert recipe.as_dict()["augment"] == "digits"
    assert recipe.hash != before.hash
    assert before.with_augment("digits").hash == recipe.hash
    assert load_recipe("smallest994").augment == "digits"
    own = parse({"stages": [{"distil": {"augment": {"elastic": 0.02}}}], "export": "int8"}, "x.yaml", "x")
    assert not own.asks_augment
    louder = own.with_augment({"flip": True})
    assert louder.asks_augment
    assert louder.augment == {"flip": True}
    never = parse({"stages": [{"distil": {"augment": False}}], "export": "int8"}, "x.yaml", "x")
    assert not never.with_augment("photos").asks_augment
    with pytest.raises(RecipeError, match="--augment photos: ptq_int8 has no stage that trains; qat_int8 has"):
        load_recipe("ptq_int8").with_augment("photos")
    assert load_recipe("ptq_int8").with_augment("auto") == load_recipe("ptq_int8")


def test_a_stage_has_a_set_of_its_own_or_that_of_the_run(shapes: Path) -> None:
    data = replace(split(load_data(str(shapes)), "0..1", 0), augment=SETS["objects"])
    own = {"run": {}, "digits": {"zoom": 0.2}, "photos": "photos", "none": "none", "never": False}
    found = {name: Distil(augment=value)._augment(data) for name, value in own.items()}
    assert found["run"] == SETS["objects"]
    assert found["digits"] == Augment(zoom=0.2)
    assert found["photos"] == SETS["photos"]
    assert found["none"] is found["never"] is None


def test_train_takes_the_same_words_and_old_records_are_still_read() -> None:
    with pytest.raises(InputError, match="--augment: unknown set 'fotos'; nearest: photos"):
        Settings("mlp", augment="fotos")
    record = {"settings": {"augment": True}, "augment": {}}
    from edgedigits.pipeline.model_card import _augmentation

    assert _augmentation(record) == "yes"
    assert _augmentation({"settings": {"augment": False}}) == "no"
    assert _augmentation({"settings": {"augment": "auto"}, "augment": {"chosen": "photos", "why": "w"}}) == "photos (w)"
    done = CliRunner().invoke(cli, ["train", "mlp", "--out", "x.keras", "--no-augment", "--augment", "photos"])
    assert "--no-augment says none" in str(done.exception)


# What `auto` chooses


def test_the_mildest_of_sets_alike_is_picked_and_none_that_harms_a_class() -> None:
    rng, kinds = np.random.default_rng(0), np.repeat([0, 1, 2, 3], 100)
    plain = rng.exponential(1.0, 400)
    better, noise = plain - 0.3, 0.01 * rng.standard_normal(400)
    losses = {"none": plain, "digits": better + noise, "objects": plain + 0.2, "photos": better - 0.005}
    chosen, rows = pick(losses, kinds, ["a", "b", "c", "d"])
    assert chosen == "digits", "as good as photos, and milder"
    assert [row["set"] for row in rows] == list(losses)
    assert rows[0]["above_best"] == pytest.approx(0.305, abs=0.001)
    assert pick({"none": plain, "digits": plain - 0.01}, kinds, "abcd")[0] == "none"
    slower = {"none": plain, "digits": plain * 1.2}
    assert [pick(slower, kinds, "abcd", known)[0] for known in ((), ("digits",))] == ["none", "digits"]
    assert pick({"none": plain, "digits": plain * 1.3}, kinds, "abcd", ("digits",))[0] == "none"
    assert pick({"none": plain, "digits": plain * 1.6}, kinds, "abcd", ("digits",))[0] == "none"
    turned = np.where(kinds == 2, plain + 0.7, plain - 0.6)
    chosen, rows = pick({"none": plain, "photos": turned}, kinds, ["a", "b", "left", "d"])
    assert (chosen, rows[1]["harms"]) == ("none", ["left"]), "it is the best on average"


def arrows(images: int = 400, mirrored: bool = True) -> Dataset:
    """12x12 images of a wedge in noise that points left or right, or of a bar; without `mirrored` the wedges are one class."""
    rng = np.random.default_rng(3)

    def part(count: int) -> ArrayImages:
        labels = np.arange(count) % 3
        pixels = rng.integers(0, 60, (count, 12, 12, 1))
        for image, label in zip(pixels, labels, strict=True):
            top, left = rng.integers(0, 5, 2)
            shape = np.tril(np.ones((6, 6), int)) if label < 2 else np.ones((2, 6), int)
            shape = shape[:, ::-1] if label == 1 else shape
            image[top : top + len(shape), left : left + 6, 0] += 150 * shape
        kinds = labels if mirrored else np.where(labels == 2, 1, 0)
        return ArrayImages(pixels.astype(np.uint8), kinds.astype(np.int32))

    names = ("left", "right", "bar") if mirrored else ("wedge", "bar")
    return Dataset("arrows", names, part(images), part(30), f"arrows {images} {mirrored}")


def small_net(shape: Sequence[int], classes: int) -> Any:
    keras.utils.set_random_seed(0)
    image = keras.Input(tuple(shape))
    x = L.Conv2D(8, 3, activation="relu")(image)
    x = L.Conv2D(16, 3, strides=2, activation="relu")(x)
    x = L.Dense(classes, activation="softmax")(L.Flatten()(x))
    return keras.Model(image, x)


def trained(data: FitData, classes: int, steps: int) -> Any:
    net = small_net(data.fit.shape, classes)
    stage = Finetune(epochs=0.1, min_steps=steps, rate=4e-3, batch=64)
    return stage(Candidate(net), data)[0].model


def ask(dataset: Dataset, data: FitData, model: Any, outlay: Outlay, fresh: bool = False) -> Question:
    half = find_task(dataset).half(dataset.classes, False)
    return Question(model, half, data, tuple(dataset.classes), outlay, fresh)


LONG = Outlay(2400, 64, 12.0, 4e-3)
"""240 steps for the try-out, with what the model is asked."""


def test_flips_that_turn_a_class_into_another_are_not_even_tried() -> None:
    dataset = arrows()
    data = split(dataset, "0..1", 0)
    model = trained(data, 3, 150)
    choice = find_out(ask(dataset, data, model, LONG), silent)
    assert {one["class"]: one["mirrored_is"] for one in choice.record["turned"]} == {"left": "right", "right": "left"}
    assert "photos" not in [row["set"] for row in choice.record["candidates"]]
    assert choice.augment is None or not choice.augment.flip
    assert "flips left out: the model answers mirrored images of left as right" in choice.line
    assert choice.record["share_of_training"] < 0.1


def test_the_try_out_sees_what_such_flips_cost_by_itself() -> None:
    """A fresh net says nothing of mirrored images; the loss after training does."""
    dataset = arrows()
    data = split(dataset, "0..1", 0)
    choice = find_out(ask(dataset, data, small_net((12, 12, 1), 3), replace(LONG, steps=3600), fresh=True), silent)
    found = {row["set"]: row for row in choice.record["candidates"]}
    assert found["photos"]["loss"] > found["none"]["loss"] + 0.1
    assert choice.augment is None or not choice.augment.flip


def test_flips_that_do_no_harm_are_tried_and_found_harmless() -> None:
    dataset = arrows(mirrored=False)
    data = split(dataset, "0..1", 0)
    model = trained(data, 2, 150)
    choice = find_out(ask(dataset, data, model, LONG), silent)
    found = {row["set"]: row for row in choice.record["candidates"]}
    assert "turned" not in choice.record
    assert "harms" not in found["photos"]
    assert found["photos"]["loss"] < found["objects"]["loss"] + 0.1
    assert choice.record == find_out(ask(dataset, data, model, LONG), silent).record, "deterministic"


def test_digits_are_not_flipped() -> None:
    dataset = load_data("digits")
    data = split(dataset, "0..1", 0)
    choice = find_out(ask(dataset, data, trained(data, 10, 200), LONG), silent)
    assert choice.record["chosen"] in ("none", "digits", "objects")
    assert choice.line.startswith(f"augmentation: {choice.record['chosen']} (tried out for ")


def test_few_steps_get_a_cheap_look_and_never_flips(fresh_cache: Path) -> None:
    dataset = arrows(1500, mirrored=False)
    data = split(dataset, "0..1", 0)
    model = trained(data, 2, 150)
    asked = ask(dataset, data, model, replace(LONG, steps=300))
    choice = find_out_once(asked, "key", False, silent)
    assert choice.record["chosen"] in ("none", "digits", "objects")
    assert choice.record["looked_at"] > 100
    assert "too few for a try-out" in choice.line
    assert find_out_once(replace(asked, model=small_net((12, 12, 1), 2)), "key", False, silent) == choice, "kept"
    once = find_out(replace(asked, outlay=replace(LONG, times=1.0)), silent)
    assert (once.augment, "too seldom to need it" in once.line) == (None, True)
    few = replace(data, fit=data.fit.subset(np.unique(data.fit.labels, return_index=True)[1]))
    assert "none can be held back" in find_out(replace(asked, data=few), silent).line
    fresh = find_out(replace(asked, fresh=True), silent)
    assert (fresh.augment, fresh.record["chosen"]) == (None, "none")


def test_the_outlay_counts_every_training_of_a_recipe(shapes: Path) -> None:
    data = split(load_data(str(shapes)), "0..1", 0)
    shrink = {"remove_parameters": 0.3, "rounds": 3, "min_steps": 5, "epochs": 10, "epochs_between": 4, "batch": 16}
    finetune = {"min_steps": 7, "epochs": 0.1, "batch": 64, "rate": 0.5}
    recipe = parse({"stages": [{"shrink": shrink}, {"finetune": finetune}], "export": "int8"}, "x", "x")
    per_epoch = len(data.fit) // 16
    outlay = measure_outlay(recipe.stages, data)
    assert outlay.steps == 10 * per_epoch + 2 * 4 * per_epoch + 7
    assert (outlay.batch, outlay.rate) == (64, 0.5)
    assert outlay.times == pytest.approx((18 * per_epoch * 16 + 7 * 64) / len(data.fit))


def test_compress_records_the_choice_and_warns_of_flips_by_the_names_of_classes(tmp_path: Path) -> None:
    dataset = arrows()
    model = trained(split(dataset, "0..1", 0), 3, 150)
    stages = [Finetune(min_steps=2, epochs=0.01, rate=1e-6)]

    def make(**given: Any) -> ed.Artifact:
        recipe = ed.Recipe(name="r", stages=stages, export=ed.Float32())
        return ed.compress(model, dataset, recipe=recipe, pixel_range="0..1", out=tmp_path, progress=False, **given)

    auto, photos = make(), make(augment="photos")
    assert auto.manifest["augment"]["asked"] == "auto"
    assert auto.manifest["augment"]["chosen"] == "none"
    assert photos.manifest["augment"]["chosen"] == "photos"
    assert photos.manifest["augment"]["moves"]["flip"] is True
    assert photos.manifest["recipe"]["augment"] == "photos"
    (warning,) = [one for one in photos.warnings if "mirror" in one]
    assert "augment mirrors images, and the model answers mirrored images of" in warning
    assert "left as right (" in warning
    assert not [one for one in auto.warnings if "mirror" in one]
    assert auto.path != photos.path
