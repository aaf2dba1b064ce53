"""Classes of layers and models of the caller's own: "module:Class", imported from where the caller works."""

import hashlib
import inspect
from collections.abc import Sequence
from pathlib import Path

from edgedigits.backend import keras
from edgedigits.errors import ModelError
from edgedigits.models.saved.callers_code import import_module


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
    module = import_module(module_name, f"custom '{name}'")
    found = getattr(module, class_name, None)
    if isinstance(found, type) and any(base.__module__.startswith("tf_keras.") for base in found.__mro__):
        raise ModelError(f"custom '{name}' is written for Keras 2; write the class for Keras 3, with `import keras`.")
    if not isinstance(found, type) or not issubclass(found, keras.layers.Layer):
        raise ModelError(f"custom '{name}': {module_name} has no Keras layer class {class_name}.")
    return found
