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
    from edgedigits.api.compress import Artifact, compress, demo
    from edgedigits.api.devices import Deployment, Runner, deploy, runner
    from edgedigits.api.files import Estimate, Inspection, Instructions, Packing, estimate, inspect, instructions, pack
    from edgedigits.api.recipes import Recipes, recipes, recipes_check, recipes_show
    from edgedigits.api.train import Training, train
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
        InputError,
        MaskError,
        MissingWeightsError,
        ModelError,
        OpenSizeError,
        ParityError,
        RecipeError,
        TargetError,
        TfliteError,
    )
    from edgedigits.pipeline.export.dynamic import Dynamic
    from edgedigits.pipeline.export.float16 import Float16
    from edgedigits.pipeline.export.float32 import Float32
    from edgedigits.pipeline.export.int8 import Int8
    from edgedigits.pipeline.export.int16x8 import Int16x8
    from edgedigits.pipeline.recipe import Recipe
    from edgedigits.stages.cluster import Cluster
    from edgedigits.stages.distil.distil import Distil
    from edgedigits.stages.finetune import Finetune
    from edgedigits.stages.prune import Prune
    from edgedigits.stages.qat import Qat
    from edgedigits.stages.shrink.shrink import Shrink

__version__ = "0.1.0"

_PLACES = {
    "api.advise": "Advice advise",
    "api.bench": "Bench DeviceBench FleetBench bench fleet_bench",
    "api.compress": "Artifact compress demo",
    "api.devices": "Deployment Runner deploy runner",
    "api.files": "Estimate Inspection Instructions Packing estimate inspect instructions pack",
    "api.recipes": "Recipes recipes recipes_check recipes_show",
    "api.train": "Training train",
    "data.dataset": "Dataset",
    "data.scale": "Scaling",
    "data.sources.named": "load_data",
    "pipeline.recipe": "Recipe",
    "errors": "ArtifactError CheckError ClassLostError DamagedError DataError DeployError DeviceError EdgeDigitsError "
    "FloatOpError InputError MaskError MissingWeightsError ModelError OpenSizeError ParityError RecipeError TargetError "
    "TfliteError",
}
"""The module of each name; the stages and exports are not here, but in the tables of `pipeline.recipe`."""
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}

__all__ = [
    "Advice",
    "Artifact",
    "ArtifactError",
    "Bench",
    "CheckError",
    "ClassLostError",
    "Cluster",
    "DamagedError",
    "DataError",
    "Dataset",
    "DeployError",
    "Deployment",
    "DeviceBench",
    "DeviceError",
    "Distil",
    "Dynamic",
    "EdgeDigitsError",
    "Estimate",
    "Finetune",
    "FleetBench",
    "Float16",
    "Float32",
    "FloatOpError",
    "InputError",
    "Inspection",
    "Instructions",
    "Int8",
    "Int16x8",
    "MaskError",
    "MissingWeightsError",
    "ModelError",
    "OpenSizeError",
    "Packing",
    "ParityError",
    "Prune",
    "Qat",
    "Recipe",
    "RecipeError",
    "Recipes",
    "Runner",
    "Scaling",
    "Shrink",
    "TargetError",
    "TfliteError",
    "Training",
    "__version__",
    "advise",
    "bench",
    "compress",
    "demo",
    "deploy",
    "estimate",
    "fleet_bench",
    "inspect",
    "instructions",
    "load_data",
    "pack",
    "recipes",
    "recipes_check",
    "recipes_show",
    "runner",
    "train",
]


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> Any:
        """A public name, from its module; a class of the tables of stages and exports, so that a new row is known here too."""
        from importlib import import_module

        if name in _MODULES:
            found = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        elif name[:1].isupper() and name.isidentifier():
            tables = import_module(f"{__name__}.pipeline.recipe")
            rows = {one.__name__: one for one in (*tables.STAGES.values(), *tables.EXPORTS.values())}
            found = rows.get(name)
        else:
            found = None
        if found is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
