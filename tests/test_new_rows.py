"""A stage and an export that nobody but their row knows go the whole way: recipe, advice, compression, manifest, runner."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from edgedigits_runner.golden import replay
from edgedigits_runner.interpreters import load_runtime
from edgedigits_runner.release import read_release
from pydantic.dataclasses import dataclass

import edgedigits
from edgedigits.data.images import Images
from edgedigits.data.scale import Scale
from edgedigits.data.splits import FitData
from edgedigits.errors import RecipeError
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.models.graph import walk
from edgedigits.pipeline import loop, prepare, recipe
from edgedigits.pipeline.advise.advice import Question, advise
from edgedigits.pipeline.converters.numbers import Numbers
from edgedigits.pipeline.export.conversion import convert, draw_representative
from edgedigits.pipeline.prepare import Wish
from edgedigits.stages.candidate import STRICT, Candidate
from edgedigits.tasks.lost_answers import Losses
from tests.nets import fit_data, trained

WANTED = {"stages": [{"coarsen": {"steps": 64}}], "export": {"toy8": {"slim": True}}}


@dataclass(frozen=True, config=STRICT)
class Coarsen:
    """Round every weight to so many steps of one."""

    makes_zeros: ClassVar[bool] = False
    why_no_gain: ClassVar[str] = "coarse weights only pack well"

    steps: int = 128

    @property
    def in_words(self) -> str:
        return f"1/{self.steps}"

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        model = walk.clone(candidate.model)
        model.set_weights([np.round(weight * self.steps) / self.steps for weight in model.get_weights()])
        return replace(candidate, model=model), {"steps": self.steps}


@dataclass(frozen=True, config=STRICT)
class Toy8:
    """Integers inside, floats at both ends of the file left out."""

    integer: ClassVar[bool] = True
    rounds: ClassVar[bool] = True
    limits: ClassVar[Losses] = Losses(0.04, 0.05, 0.11)
    rewrites: ClassVar[tuple[str, ...]] = ("slim",)
    lacks: ClassVar[Mapping[str, str]] = {"PReLU": "TOY"}
    lacks_fused: ClassVar[bool] = True
    coarse: ClassVar[frozenset[str]] = frozenset()
    multiplies_int8: ClassVar[bool] = True
    why_zeros_take_time: ClassVar[str] = "no sparse toys"
    why_no_faster: ClassVar[str] = ""
    why_slower: ClassVar[str] = ""

    slim: bool = False

    def __call__(self, model: Any, calibration: Images, scale: Scale) -> bytes:
        numbers = Numbers("int8", "int8", "uint8", "uint8", dense_per_tensor=True)
        return convert(model, numbers, draw_representative(calibration, scale, 20))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """One row each."""
    monkeypatch.setitem(recipe.STAGES, "coarsen", Coarsen)
    monkeypatch.setitem(recipe.EXPORTS, "toy8", Toy8)


def test_a_new_stage_and_a_new_export_are_a_row_each(
    rows: None, fresh_cache: Path, shapes: Path, tmp_path: Path
) -> None:
    wanted, model = recipe.parse(WANTED, "test", "toy"), trained(shapes).model
    told = advise(Question("tiny", model, fit_data(shapes), wanted), lambda _: None)
    assert [effect.setting for effect in told.effects] == ["toy8 export", "1/64, toy8", "all together"]
    assert told.effects[1].reason == "coarse weights only pack well"
    model.save(tmp_path / "tiny.keras")
    wish = Wish(model=tmp_path / "tiny.keras", data=str(shapes), scale="0..1")
    made = loop.run(prepare.prepare_job(wanted, wish, lambda _: None), tmp_path / "out", lambda _: None)
    assert [stage["stage"] for stage in made.manifest["stages"]] == ["load", "coarsen"]
    export = made.manifest["export"]
    assert (export["export"], export["rounds"], made.manifest["float"]["rounds"]) == ("toy8", True, False)
    assert export["parity"]["most"] == vars(Toy8.limits)
    assert export["size_bytes"] < export["size_bytes_before_slim"]
    assert export["size_bytes"] == pytest.approx(told.after.raw_bytes, rel=0.03)
    assert made.manifest["test"]["accuracy"] > 0.9
    assert recipe.parse(made.manifest["recipe"], "the manifest", "toy") == wanted
    assert read_release(str(made.path)).rounds
    assert replay(read_release(str(made.path)), load_runtime("litert"))["verdict"] != "wrong"


def test_without_their_rows_the_choices_are_said() -> None:
    with pytest.raises(RecipeError, match="unknown stage 'coarsen'; choose from cluster, correct_bias, distil"):
        recipe.parse(WANTED, "test", "toy")
    with pytest.raises(RecipeError, match="unknown export 'toy8'"):
        recipe.parse({"export": "toy8"}, "test", "toy")


TOY_STAGE = """from __future__ import annotations
from pydantic.dataclasses import dataclass
from edgedigits.data.splits import FitData
from edgedigits.ground.facts import Facts, Progress, silent
from edgedigits.stages.candidate import STRICT, Candidate


@dataclass(frozen=True, config=STRICT)
class ToyStage:
    steps: int = 128

    def __call__(self, candidate: Candidate, data: FitData, progress: Progress = silent) -> tuple[Candidate, Facts]:
        return candidate, {}
"""
ASKED = """
import sys
import edgedigits as ed
assert {"ToyStage", "Prune"} <= set(ed.__all__) & set(dir(ed))
assert not {"pydantic", "numpy", "tensorflow"} & set(sys.modules)
from edgedigits import *
print(ed.__file__, Recipe(stages=[ToyStage(steps=8), ed.Qat()], export=Int8()), ed.ToyStage().steps)
"""


def test_a_new_stage_is_public_with_two_files_touched(tmp_path: Path) -> None:
    """In a copy of the package, since it is the source of the table that tells what is public."""
    package = tmp_path / "edgedigits"
    shutil.copytree(Path(edgedigits.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "stages" / "toy_stage.py").write_text(TOY_STAGE)
    table = package / "pipeline" / "recipe.py"
    text = table.read_text(encoding="utf-8")
    for like, new in (
        ("from edgedigits.stages.qat import Qat\n", "from edgedigits.stages.toy_stage import ToyStage\n"),
        ('    "qat": Qat,\n', '    "toy_stage": ToyStage,\n'),
    ):
        assert text.count(like) == 1
        text = text.replace(like, like + new)
    table.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", ASKED], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{package}/__init__.py toy_stage-qat-int8: toy_stage > qat > int8 128\n"
