"""Classes of layers and models of the caller's own: "module:Class", imported from where the caller works."""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Sequence
from pathlib import Path

from edgedigits.backend import keras
from edgedigits.errors import ModelError


def load_classes(custom: Sequence[str]) -> list[type]:
    """The layer classes named by `custom`, each "module:Class"; the working folder is looked into first.

    Raises:
        ModelError: a malformed name, a module that can't be imported, no such class, or no Keras layer.
    """
    return [_named(name) for name in custom]


def hash_sources(custom: Sequence[str]) -> str:
    """SHA-256 over the source files of the modules that `custom` names; what a kept stage of such a model depends on."""
    digest = hashlib.sha256()
    for found in load_classes(custom):
        source = inspect.getsourcefile(found)
        digest.update(Path(source).read_bytes() if source else found.__qualname__.encode())
    return digest.hexdigest()


def _named(name: str) -> type:
    module_name, _, class_name = name.partition(":")
    if not module_name or not class_name:
        raise ModelError(f"custom '{name}' is not of the form 'module:Class'.")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # the module is the caller's: whatever it raises is its answer
        missing = getattr(error, "name", None) == "tf_keras"
        remedy = "pip install 'edgedigits[keras2]'" if missing else f"it is looked for in {here} and on Python's path"
        raise ModelError(
            f"custom '{name}': importing {module_name} failed ({type(error).__name__}: {error}); {remedy}."
        ) from error
    finally:
        sys.path.remove(here)
    found = getattr(module, class_name, None)
    if isinstance(found, type) and any(base.__module__.startswith("tf_keras.") for base in found.__mro__):
        raise ModelError(f"custom '{name}' is written for Keras 2; write the class for Keras 3, with `import keras`.")
    if not isinstance(found, type) or not issubclass(found, keras.layers.Layer):
        raise ModelError(f"custom '{name}': {module_name} has no Keras layer class {class_name}.")
    return found
