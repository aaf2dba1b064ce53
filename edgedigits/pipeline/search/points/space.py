"""The space: kinds of recipes, each a shipped one with some of its settings turned, and the points that are tried first.

The table below is all there is. A point is the choices that Optuna keeps; `make_recipe` gives what they stand for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from edgedigits.ground.facts import JsonObject
from edgedigits.models.zoo.family_plan import BLOCKS, list_sizes
from edgedigits.pipeline.export.export import make_slim
from edgedigits.pipeline.recipe import Recipe, load_recipe
from edgedigits.pipeline.search.points.foretelling import find_core
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.settings import lengthen
from edgedigits.stages.shrink.shrink import TARGETS

if TYPE_CHECKING:
    import numpy as np
    import optuna

Stages = list[tuple[str, Any]]
Choices = Mapping[str, Any]


@dataclass(frozen=True)
class Numbers:
    """From `low` to `high` in steps, which are coarse on purpose: neighbours share kept stages."""

    low: float
    high: float
    step: float

    def ask(self, trial: optuna.Trial, name: str) -> Any:
        """A number."""
        return round(trial.suggest_float(name, self.low, self.high, step=self.step), 6)

    def draw(self, rng: np.random.Generator) -> float:
        """Any, as Optuna keeps it."""
        return self.low + self.step * int(rng.integers(round((self.high - self.low) / self.step) + 1))


@dataclass(frozen=True)
class OneOf:
    """One of some values."""

    values: tuple[Any, ...]

    def ask(self, trial: optuna.Trial, name: str) -> Any:
        """A value."""
        return trial.suggest_categorical(name, self.values)

    def draw(self, rng: np.random.Generator) -> Any:
        """Any of them."""
        return self.values[int(rng.integers(len(self.values)))]


@dataclass(frozen=True)
class Frame:
    """What recipes are made for."""

    target: str


@dataclass(frozen=True)
class Kind:
    """Recipes made of the shipped one `template`: what of it is asked, and what is made of the answers.

    left: of the points lost after a share of the training, the part that may be lost at its end, too. What begins with a new net,
    or prunes step by step, has most of its way before it.
    """

    template: str
    asks: Mapping[str, Numbers | OneOf]
    build: Callable[[Stages, Choices, Frame], Stages]
    left: Mapping[float, float]


def _as_it_is(_stages: Stages, choices: Choices, _frame: Frame) -> Stages:
    """The model's own shape: rounded, with rounding trained in, or pruned before that."""
    if choices["sparsity"]:
        return _ended([], choices)
    return list(load_recipe("qat_int8").stages) if choices["qat"] else []


def _shrunk(stages: Stages, choices: Choices, frame: Frame) -> Stages:
    """Channels go until that share of the bytes and of the float model's cycles on the target is gone; of
    multiply-adds where this machine is the target."""
    unset: JsonObject = dict.fromkeys(TARGETS)
    goal: JsonObject = {"remove_multiply_adds": choices["remove"]}
    if frame.target != "here":
        goal = {"remove": choices["remove"], "cpu": find_core(frame.target)}
    made = [(name, replace(one, **unset | goal) if name == "shrink" else one) for name, one in stages]
    return _ended(made, choices)


def _taught(stages: Stages, choices: Choices, _frame: Frame) -> Stages:
    student = describe_student(choices)
    made: Stages = [(name, replace(one, **student) if name == "distil" else one) for name, one in stages]
    return _ended(made, choices)


def _ended(stages: Stages, choices: Choices) -> Stages:
    """The distillation so many times as long, then what follows it: pruning and rounding trained in, where chosen."""
    made = [(name, lengthen(one, choices["longer"]) if isinstance(one, Distil) else one) for name, one in stages]
    after: dict[str, Any] = dict(load_recipe("prune80_int8").stages)
    if sparsity := choices.get("sparsity"):
        made.append(("prune", replace(after["prune"], sparsity=sparsity)))
    if choices["qat"] or sparsity:
        made.append(("qat", after["qat"]))
    return made


def describe_student(choices: Choices) -> JsonObject:
    """The settings of `distil` for a student of the family: its size, and what is unlike the usual of that size."""
    options = {"width": choices["width"], "depth": choices["depth"], "blocks": choices["blocks"]}
    usual = {"width": 1.0, "depth": 1.0, "blocks": "auto"}
    return {"student": choices["size"], "options": {key: one for key, one in options.items() if one != usual[key]}}


_SPARSITY, _YES_OR_NO = OneOf((0.0, 0.5, 0.8)), OneOf((False, True))
_MORE: Final = {"longer": OneOf((1.0, 2.0, 0.5)), "qat": _YES_OR_NO}
KINDS: Final[Mapping[str, Kind]] = {
    "plain": Kind("ptq_int8", {"sparsity": _SPARSITY, "qat": _YES_OR_NO}, _as_it_is, {0.1: 0.1, 0.35: 0.4}),
    "shrink": Kind(
        "shrink80_int8",
        {"remove": Numbers(0.3, 0.95, 0.05), "sparsity": _SPARSITY, **_MORE},
        _shrunk,
        {0.1: 0.5, 0.35: 0.8},
    ),
    "student": Kind(
        "distil_small_int8",
        {
            "size": OneOf(tuple(list_sizes())),
            "width": Numbers(0.5, 2.0, 0.25),
            "depth": Numbers(0.5, 1.5, 0.5),
            "blocks": OneOf(BLOCKS),
            **_MORE,
        },
        _taught,
        {0.1: 0.1, 0.35: 0.4},
    ),
}
_PLAIN: Final = {"longer": 1.0, "qat": False}
_STUDENT: Final = {"width": 1.0, "depth": 1.0, "blocks": "auto", **_PLAIN}
_SHRINK: Final = {**_PLAIN, "sparsity": 0.0}
STARTS: Final[tuple[tuple[str, JsonObject], ...]] = (
    ("plain", {"sparsity": 0.0, "qat": False}),
    ("shrink", {"remove": 0.8, **_SHRINK}),
    ("shrink", {"remove": 0.9, **_SHRINK}),
    ("student", {"size": "tiny", **_STUDENT}),
    ("shrink", {"remove": 0.65, **_SHRINK}),
    ("student", {"size": "small", **_STUDENT}),
    ("plain", {"sparsity": 0.0, "qat": True}),
    ("shrink", {"remove": 0.5, **_SHRINK}),
    ("shrink", {"remove": 0.35, **_SHRINK}),
    ("shrink", {"remove": 0.8, **_SHRINK, "sparsity": 0.5}),
)
"""What is tried first: what mostly pays, so that the sampler begins from there."""


_DRAWN: Final = 100


def list_starts() -> list[JsonObject]:
    """The first points as Optuna keeps them."""
    return [{"kind": kind, **{f"{kind}_{name}": value for name, value in given.items()}} for kind, given in STARTS]


def ask(trial: optuna.Trial) -> tuple[str, JsonObject]:
    """The kind of a trial's recipe, and its choices."""
    kind = trial.suggest_categorical("kind", list(KINDS))
    return kind, {name: one.ask(trial, f"{kind}_{name}") for name, one in KINDS[kind].asks.items()}


def draw_new(rng: np.random.Generator, known: Sequence[JsonObject]) -> JsonObject | None:
    """A point as Optuna keeps it, any that is not among the known ones; None where none is found soon."""
    kinds = list(KINDS)
    for _ in range(_DRAWN):
        kind = kinds[int(rng.integers(len(kinds)))]
        point = {"kind": kind, **{f"{kind}_{name}": one.draw(rng) for name, one in KINDS[kind].asks.items()}}
        if point not in known:
            return point
    return None


def make_recipe(kind: str, choices: Choices, frame: Frame) -> Recipe:
    """What the choices stand for, with an int8 export that leaves out what no interpreter reads."""
    template: Any = load_recipe(KINDS[kind].template)
    stages = KINDS[kind].build(list(template.stages), choices, frame)
    said = [word for word in (_word(*one) for one in choices.items()) if word]
    name = "_".join([*(said or ["ptq"] if kind == "plain" else [kind, *said]), "int8"])
    export, use = make_slim(template.export), f"found by edgedigits search for {frame.target}"
    return Recipe(name, use, stages, template.export_name, export)


def _word(name: str, value: Any) -> str:
    """A choice as a part of a name; "" for what is left out or usual."""
    if value == {"longer": 1.0, "qat": False, "sparsity": 0.0, "width": 1.0, "depth": 1.0, "blocks": "auto"}.get(name):
        return ""
    if name in ("qat", "size", "blocks"):
        return "qat" if name == "qat" else str(value)
    short = {"remove": "", "sparsity": "prune", "longer": "x", "width": "w", "depth": "d"}[name]
    return f"{short}{round(100 * value)}" if name in ("remove", "sparsity") else f"{short}{value:g}".replace(".", "p")
