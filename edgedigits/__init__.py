"""edgedigits: a trained Keras image classifier in, a verified int8 TFLite model out.

    import edgedigits as ed

    data = ed.load_data("digits")
    artifact = ed.compress("mine.keras", data, recipe="prune80_int8", pixel_range="0..1")

Every command of the command line is a function here under its own words: `edgedigits fleet bench` is `ed.fleet_bench`.
Importing this package imports no TensorFlow, NumPy or pandas: each name is fetched when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgedigits.api.advise import Advice, advise
    from edgedigits.api.bench import Bench, DeviceBench, FleetBench, bench, fleet_bench
    from edgedigits.api.compare.compare import Compared, compare
    from edgedigits.api.compress import Artifact, compress
    from edgedigits.api.demo.demo import Demo, demo
    from edgedigits.api.devices import Deployment, Profile, Runner, deploy, profile, runner
    from edgedigits.api.evidence.card import Card, card
    from edgedigits.api.evidence.report import Report, report
    from edgedigits.api.evidence.robustness import Bearing, robustness
    from edgedigits.api.evidence.sensitivity import Sensitivity, sensitivity
    from edgedigits.api.evidence.verify import Verification, verify
    from edgedigits.api.files import (
        Cycles,
        Estimate,
        Inspection,
        Instructions,
        Packing,
        cycles,
        estimate,
        inspect,
        instructions,
        pack,
    )
    from edgedigits.api.recipes import Recipes, recipes, recipes_check, recipes_show
    from edgedigits.api.search.search import Search, search
    from edgedigits.api.train import Training, train
    from edgedigits.api.zoo.compare_zoo import ComparedZoo, compare_zoo
    from edgedigits.data.dataset import Dataset
    from edgedigits.data.scale import Scaling
    from edgedigits.data.sources.named import load_data
    from edgedigits.errors import (
        ArtifactError,
        CheckError,
        ClassLostError,
        DamagedError,
        DataError,
        DeployError,
        DeviceError,
        EdgeDigitsError,
        FloatOpError,
        GateError,
        InputError,
        MaskError,
        MissingWeightsError,
        ModelError,
        OpenSizeError,
        OperatorError,
        ParityError,
        RecipeError,
        TargetError,
        TfliteError,
    )
    from edgedigits.pipeline.export.dynamic import Dynamic
    from edgedigits.pipeline.export.float16 import Float16
    from edgedigits.pipeline.export.float32 import Float32
    from edgedigits.pipeline.export.int4 import Int4
    from edgedigits.pipeline.export.int8 import Int8
    from edgedigits.pipeline.export.int16x8 import Int16x8
    from edgedigits.pipeline.recipe import Recipe
    from edgedigits.stages.cluster import Cluster
    from edgedigits.stages.distil.distil import Distil
    from edgedigits.stages.finetune import Finetune
    from edgedigits.stages.prune import Prune
    from edgedigits.stages.qat import Qat
    from edgedigits.stages.repair.correct_bias import CorrectBias
    from edgedigits.stages.repair.equalize import Equalize
    from edgedigits.stages.shrink.shrink import Shrink

__version__ = "0.1.0"

_PLACES = {
    "api.advise": "Advice advise",
    "api.bench": "Bench DeviceBench FleetBench bench fleet_bench",
    "api.compare.compare": "Compared compare",
    "api.compress": "Artifact compress",
    "api.demo.demo": "Demo demo",
    "api.devices": "Deployment Profile Runner deploy profile runner",
    "api.evidence.card": "Card card",
    "api.evidence.report": "Report report",
    "api.evidence.robustness": "Bearing robustness",
    "api.evidence.sensitivity": "Sensitivity sensitivity",
    "api.evidence.verify": "Verification verify",
    "api.files": "Cycles Estimate Inspection Instructions Packing cycles estimate inspect instructions pack",
    "api.recipes": "Recipes recipes recipes_check recipes_show",
    "api.search.search": "Search search",
    "api.train": "Training train",
    "api.zoo.compare_zoo": "ComparedZoo compare_zoo",
    "data.dataset": "Dataset",
    "data.scale": "Scaling",
    "data.sources.named": "load_data",
    "pipeline.recipe": "Recipe",
    "errors": "ArtifactError CheckError ClassLostError DamagedError DataError DeployError DeviceError EdgeDigitsError "
    "FloatOpError GateError InputError MaskError MissingWeightsError ModelError OpenSizeError OperatorError ParityError "
    "RecipeError TargetError TfliteError",
}
"""The module of each name; the stages and exports are not here, but in the tables of `pipeline.recipe`."""
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "Advice",
    "Artifact",
    "ArtifactError",
    "Bearing",
    "Bench",
    "Card",
    "CheckError",
    "ClassLostError",
    "Compared",
    "ComparedZoo",
    "Cycles",
    "DamagedError",
    "DataError",
    "Dataset",
    "Demo",
    "DeployError",
    "Deployment",
    "DeviceBench",
    "DeviceError",
    "EdgeDigitsError",
    "Estimate",
    "FleetBench",
    "FloatOpError",
    "GateError",
    "InputError",
    "Inspection",
    "Instructions",
    "MaskError",
    "MissingWeightsError",
    "ModelError",
    "OpenSizeError",
    "OperatorError",
    "Packing",
    "ParityError",
    "Profile",
    "Recipe",
    "RecipeError",
    "Recipes",
    "Report",
    "Runner",
    "Scaling",
    "Search",
    "Sensitivity",
    "TargetError",
    "TfliteError",
    "Training",
    "Verification",
    "__version__",
    "advise",
    "bench",
    "card",
    "compare",
    "compare_zoo",
    "compress",
    "cycles",
    "demo",
    "deploy",
    "estimate",
    "fleet_bench",
    "inspect",
    "instructions",
    "load_data",
    "pack",
    "profile",
    "recipes",
    "recipes_check",
    "recipes_show",
    "report",
    "robustness",
    "runner",
    "search",
    "sensitivity",
    "train",
    "verify",
]
"""What is here, less the stages and exports, which follow."""

if TYPE_CHECKING:  # which reads literals alone
    __all__ += [
        "Cluster",
        "CorrectBias",
        "Distil",
        "Dynamic",
        "Equalize",
        "Finetune",
        "Float16",
        "Float32",
        "Int4",
        "Int8",
        "Int16x8",
    ]
    __all__ += ["Prune", "Qat", "Shrink"]
else:

    def _read_rows() -> list[str]:
        """The classes in the tables of stages and exports. They are read, since what would import them brings pydantic and NumPy;
        so a new row is known here too."""
        import re

        try:
            source = __spec__.loader.get_data(f"{__path__[0]}/pipeline/recipe.py").decode()
        except OSError:  # frozen, without its sources
            return list(_rows())
        tables = source.partition("\nSTAGES")[2].partition("\nKEYS")[0]
        return re.findall(r'^    "\w+": (\w+),$', tables, re.MULTILINE)

    def _rows() -> dict[str, type]:
        """The same, imported."""
        from importlib import import_module

        tables = import_module(f"{__name__}.pipeline.recipe")
        return {one.__name__: one for one in (*tables.STAGES.values(), *tables.EXPORTS.values())}

    __all__ += _read_rows()

    def __getattr__(name: str) -> Any:
        """A public name, from its module, or a class of the tables."""
        from importlib import import_module

        if name in _MODULES:
            found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        else:
            found = _rows().get(name) if name[:1].isupper() and name.isidentifier() else None
        if found is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
