"""A recipe: YAML in, a checked list of stages and one export out.

    name: prune80_int8
    for: what it is for, in one line
    stages:
      - prune: {sparsity: 0.8}
      - qat:
    export:
      int8: {input: uint8}

The tables below are all there is: no registration, no scanning. Importing this module imports no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from edgedigits.data.augmentation.named_sets import AUTO, Said, check_said
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import JsonObject
from edgedigits.ground.names import WANTED, is_name, make_safe
from edgedigits.ground.yaml_files import check_known, describe_kind, read_yaml, show_value, suggest, tell_first_fault
from edgedigits.pipeline.export.dynamic import Dynamic
from edgedigits.pipeline.export.export import Export
from edgedigits.pipeline.export.float16 import Float16
from edgedigits.pipeline.export.float32 import Float32
from edgedigits.pipeline.export.int4 import Int4
from edgedigits.pipeline.export.int8 import Int8
from edgedigits.pipeline.export.int16x8 import Int16x8
from edgedigits.pipeline.gates.gate import Gate, list_said, overlay, parse_gates
from edgedigits.stages.candidate import Stage
from edgedigits.stages.cluster import Cluster
from edgedigits.stages.distil.distil import Distil
from edgedigits.stages.finetune import Finetune
from edgedigits.stages.prune import Prune
from edgedigits.stages.qat import Qat
from edgedigits.stages.repair.correct_bias import CorrectBias
from edgedigits.stages.repair.equalize import Equalize
from edgedigits.stages.settings import lengthen, shorten
from edgedigits.stages.shrink.shrink import Shrink

STAGES: dict[str, type[Stage]] = {
    "shrink": Shrink,
    "prune": Prune,
    "distil": Distil,
    "finetune": Finetune,
    "cluster": Cluster,
    "qat": Qat,
    "equalize": Equalize,
    "correct_bias": CorrectBias,
}
EXPORTS: dict[str, type[Export]] = {
    "float32": Float32,
    "float16": Float16,
    "dynamic": Dynamic,
    "int8": Int8,
    "int4": Int4,
    "int16x8": Int16x8,
}
KEYS = ("name", "for", "images", "instead", "augment", "stages", "export", "gates")


@dataclasses.dataclass(frozen=True, init=False)
class Recipe:
    """Stages in order, each with its YAML name, and the export that ends them: of a file, or as Python says it.

    `Recipe(stages=[Prune(sparsity=0.8), Qat()], export=Int8(slim=True))` is what the same in YAML makes, of the same `hash` and
    with the same kept stages. `name` becomes a part of paths; without one the recipe is called after its steps. `purpose` is
    what it is for, in a line. `images`, as "28x28x1", are the only ones that it is made for, "" for any; `instead` is the recipe
    for others. `augment` is how training images are moved: the name of a set, or moves with their limits; "" for what a run
    finds out, as `auto`. `gates` are limits by name that what comes out must hold (docs/gates.md). Raises
    RecipeError for what is no stage or export, and for stages that don't go together.

    >>> import edgedigits as ed
    >>> mine = ed.Recipe(stages=[ed.Prune(sparsity=0.8), ed.Qat()], export=ed.Int8(slim=True))
    >>> mine.steps, mine.name
    ('prune > qat > int8', 'prune-qat-int8')
    """

    name: str
    purpose: str
    stages: tuple[tuple[str, Stage], ...]
    export_name: str
    export: Export
    images: str
    instead: str
    augment: Said
    gates: tuple[Gate, ...]

    def __init__(
        self,
        name: str = "",
        purpose: str = "",
        stages: Sequence[Stage | tuple[str, Stage]] = (),
        export_name: str = "",
        export: Export | None = None,
        images: str = "",
        instead: str = "",
        augment: Said = "",
        gates: Mapping[str, Any] | Sequence[Gate] = (),
    ) -> None:
        pairs = tuple(
            one if isinstance(one, tuple) else (_row(f"Recipe: stages[{at}]", one, STAGES, "stage"), one)
            for at, one in enumerate(stages)
        )
        export_name = export_name or _row("Recipe: export", export, EXPORTS, "export")
        _check_order("Recipe", pairs)
        if name and not is_name(name):
            raise RecipeError(f"Recipe: name: found {show_value(name)}; wanted {WANTED}")
        found: JsonObject = {"purpose": purpose, "stages": pairs, "export_name": export_name, "export": export}
        found |= {"images": images, "instead": instead}
        found |= {"gates": parse_gates(gates, "Recipe: gates") if isinstance(gates, Mapping) else tuple(gates)}
        found |= {"augment": check_said(augment, "Recipe: augment", RecipeError) if augment != "" else ""}
        for field, value in found.items():
            object.__setattr__(self, field, value)
        object.__setattr__(self, "name", name or make_safe("-".join(self.steps.split(" > "))))

    @property
    def steps(self) -> str:
        """The stages and the export in one line, as `prune > qat > int8`."""
        return " > ".join([*(name for name, _ in self.stages), self.export_name])

    @property
    def hash(self) -> str:
        """SHA-256 of every setting of the stages and the export, in order, and of `augment` where it is said; what it is called
        and its gates don't count: the bytes are the same."""
        said = {key: value for key, value in self.as_dict().items() if key in ("augment", "stages", "export")}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def check_images(self, shape: Sequence[int]) -> None:
        """Raises RecipeError where this recipe is not made for a model that takes images of [height, width, channels]."""
        found = "x".join(map(str, shape))
        if self.images and found != self.images:
            instead = f"; for others there is {self.instead}" if self.instead else ""
            raise RecipeError(f"recipe {self.name}: made for images of {self.images}, the model takes {found}{instead}")

    def with_converter(self, name: str) -> Recipe:
        """The same recipe with bytes made by that converter. Raises RecipeError where the export has no choice of one."""
        return self._with("converter", name)

    def with_arithmetic(self, name: str) -> Recipe:
        """The same recipe, computed in that arithmetic. Raises RecipeError where the export has no choice of one."""
        return self._with("arithmetic", name)

    def with_more(self, times: float) -> Recipe:
        """The same recipe with every training `times` as long. Raises RecipeError where nothing is trained, or for too long."""
        if not self.stages:
            raise RecipeError(f"--more {times:g}: {self.name} has no stage that trains; qat_int8 has")
        longer = [(name, lengthen(stage, times)) for name, stage in self.stages]
        return self._replaced(stages=longer)

    def with_augment(self, said: Said) -> Recipe:
        """The same recipe with training images moved so in every stage, those too that said otherwise, but not where a stage says
        false. Raises InputError for an unknown set or move."""
        found = check_said(said, "--augment")
        if not self.stages:
            if found in (AUTO, "none"):
                return self
            raise RecipeError(f"--augment {found}: {self.name} has no stage that trains; qat_int8 has")
        stages = [(name, _without_moves(one)) for name, one in self.stages]
        return self._replaced(stages=stages, augment=found)

    def with_gates(self, given: Mapping[str, Any] | Sequence[str]) -> Recipe:
        """The same recipe with gates as a call says them, each in place of its own of that name. Raises InputError."""
        return self._replaced(gates=overlay(self.gates, given))

    @property
    def asks_augment(self) -> bool:
        """Whether any stage trains on images that are moved as the run says, and not as the stage itself does."""
        return any(getattr(stage, "augment", {}) == {} for _, stage in self.stages)

    @property
    def trains_model(self) -> bool:
        """Whether a stage trains the model itself: the first one does, unless it ends in another net."""
        return bool(self.stages) and not getattr(self.stages[0][1], "makes_another_net", False)

    def shortened(self, share: float) -> Recipe:
        """The same steps with about that share of their training, for a first look: `<name>_short`, of a hash of its own.

        Small data is trained on for the stages' `min_steps` all the same.

        >>> import edgedigits as ed
        >>> short = ed.recipes_show("shrink80_int8").shortened(0.5)
        >>> short.name, dict(short.stages)["distil"].epochs
        ('shrink80_int8_short', 7.0)
        """
        stages = [(name, shorten(stage, share)) for name, stage in self.stages]
        return self._replaced(name=f"{self.name}_short", stages=stages)

    def _with(self, setting: str, value: str) -> Recipe:
        export: Any = self.export
        if setting not in _settings(export):
            rows: dict[str, Any] = {**EXPORTS}
            others = [name for name, row in rows.items() if setting in (one.name for one in dataclasses.fields(row))]
            raise RecipeError(
                f"--{setting} {value}: the {self.export_name} export has no {setting} to choose; {', '.join(others)} have"
            )
        return self._replaced(export=dataclasses.replace(export, **{setting: value}))

    def _replaced(self, **new: Any) -> Recipe:
        return Recipe(**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | new)

    def as_dict(self) -> dict[str, Any]:
        """The recipe with every setting spelled out, JSON-safe."""
        return {
            "name": self.name,
            "for": self.purpose,
            **{key: value for key, value in (("images", self.images), ("instead", self.instead)) if value},
            **({"augment": self.augment} if self.augment != "" else {}),
            "stages": [{name: _settings(stage)} for name, stage in self.stages],
            "export": {self.export_name: _settings(self.export)},
            **({"gates": list_said(self.gates)} if self.gates else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """As `edgedigits recipes show --json` prints it."""
        return self.as_dict()

    def __str__(self) -> str:
        return f"{self.name}: {self.steps}"


def _row(where: str, part: Any, table: Mapping[str, type[Any]], kind: str) -> str:
    """The name that a stage or an export has in its table."""
    for name, row in table.items():
        if type(part) is row:
            return name
    classes = ", ".join(f"{row.__name__}()" for row in table.values())
    found = f"the class {part.__name__}" if isinstance(part, type) else describe_kind(part)
    raise RecipeError(f"{where}: wanted one {kind}, found {found}; choose from {classes}")


def _without_moves(stage: Any) -> Any:
    """The stage with images moved as the run says, where it says by itself how."""
    return dataclasses.replace(stage, augment={}) if getattr(stage, "augment", False) else stage


def _settings(part: Any) -> JsonObject:
    return dataclasses.asdict(part)


def find_shipped_folder() -> Path:
    """Where the shipped recipes are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parents[1] / "recipes"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "recipes"


def list_shipped() -> list[str]:
    """Names of the shipped recipes, sorted."""
    return sorted(_shipped())


def _shipped() -> dict[str, Path]:
    """Files by name; those for one kind of images stand in a folder of their own."""
    return {path.stem: path for path in find_shipped_folder().rglob("*.yaml")}


def find(name_or_path: str) -> Path:
    """The file of a shipped recipe or of a path. Raises RecipeError when there is none."""
    if name_or_path in (shipped := _shipped()):
        return shipped[name_or_path]
    path = Path(name_or_path)
    try:
        if stat.S_ISREG(path.stat().st_mode):  # is_file() of Python 3.14 hides why a path can't be looked for
            return path
    except (FileNotFoundError, NotADirectoryError, ValueError):
        pass
    except OSError as error:
        raise RecipeError(f"recipe {name_or_path[:100]}...: can't be looked for ({error.strerror})") from error
    raise RecipeError(
        f"recipe {name_or_path}: no such file, and no shipped recipe of that name{suggest(name_or_path, list_shipped())}"
    )


def load_recipe(name_or_path: str) -> Recipe:
    """The checked recipe. Raises RecipeError saying place, what was found, and what would do."""
    path = find(name_or_path)
    document = read_yaml(path, "a recipe", RecipeError)
    return parse(document, str(path), path.stem)


def parse(document: Any, where: str, default_name: str) -> Recipe:
    """A recipe from what YAML holds; `where` begins every complaint."""
    if not isinstance(document, Mapping):
        raise RecipeError(f"{where}: wanted the keys {', '.join(KEYS)}, found {describe_kind(document)}")
    check_known(where, "key", document, KEYS, RecipeError)
    if "export" not in document:
        raise RecipeError(f"{where}: export is missing; choose from {', '.join(EXPORTS)}")
    entries = document.get("stages") or []
    if not isinstance(entries, list):
        raise RecipeError(
            f"{where}: stages: wanted a list, each item one of {', '.join(STAGES)}; found {describe_kind(entries)}"
        )
    stages = tuple(_part(f"{where}: stages[{index}]", entry, STAGES, "stage") for index, entry in enumerate(entries))
    _check_order(where, stages)
    export_name, export = _part(f"{where}: export", document["export"], EXPORTS, "export")
    for key in ("name", "for", "images", "instead"):
        if not isinstance(document.get(key, ""), str):
            raise RecipeError(f"{where}: {key}: wanted text, found {describe_kind(document[key])}")
    images = document.get("images", "")
    if images and not re.fullmatch(r"[1-9]\d*x[1-9]\d*x[13]", images):
        raise RecipeError(f"{where}: images: found {show_value(images)}; wanted height, width and channels, as 28x28x1")
    return Recipe(
        _name(document, where, default_name),
        document.get("for", ""),
        stages,
        export_name,
        export,
        images,
        document.get("instead", ""),
        check_said(document["augment"], f"{where}: augment", RecipeError) if "augment" in document else "",
        parse_gates(document["gates"], f"{where}: gates") if "gates" in document else (),
    )


def _name(document: Mapping[str, Any], where: str, default_name: str) -> str:
    """The name as it is written, which becomes a part of paths; or of the file, made one."""
    if "name" not in document:
        return make_safe(default_name)
    name: str = document["name"]
    if not is_name(name):
        raise RecipeError(f"{where}: name: found {show_value(name)}; wanted {WANTED}")
    return name


def _check_order(where: str, stages: tuple[tuple[str, Any], ...]) -> None:
    """A stage can only be taught by what stages before it made, and some don't follow others, or end a recipe."""
    from edgedigits.stages.distil.teachers import not_before

    names = [name for name, _ in stages]
    for index, (name, stage) in enumerate(stages):
        if getattr(stage, "comes_last", False) and index < len(stages) - 1:
            raise RecipeError(
                f"{where}: stages[{index}].{name}: wanted as the last; {names[index + 1]} behind it changes what it measures"
            )
        if before := [one for one in names[:index] if one in getattr(stage, "not_after", ())]:
            raise RecipeError(
                f"{where}: stages[{index}].{name}: can't come after {before[0]}, whose work it would undo; put it before"
            )
        latest = getattr(stage, "latest_stage", 0)
        if latest > index:
            raise RecipeError(f"{where}: stages[{index}].{name}.teacher: {not_before(latest, index)}")


def _part(where: str, entry: Any, table: Mapping[str, type[Any]], kind: str) -> tuple[str, Any]:
    """One stage or export: a name, or a name with settings."""
    entry = {entry: None} if isinstance(entry, str) else entry
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise RecipeError(
            f"{where}: wanted one {kind} with its settings, found {describe_kind(entry)}; choose from {', '.join(table)}"
        )
    (name, settings), *_ = entry.items()
    check_known(where, kind, [name], table, RecipeError)
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping):
        raise RecipeError(f"{where}.{name}: wanted settings as key: value, found {describe_kind(settings)}")
    maker = table[name]
    fields = [field.name for field in dataclasses.fields(maker)]
    check_known(f"{where}.{name}", "setting", settings, fields, RecipeError)
    try:
        return name, maker(**settings)
    except (RecipeError, pydantic.ValidationError) as error:
        fault = error if isinstance(error, pydantic.ValidationError) else error.__cause__
        raise RecipeError(
            f"{where}.{name}{tell_first_fault(fault)}" if isinstance(fault, pydantic.ValidationError) else str(error)
        ) from error
