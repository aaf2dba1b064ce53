"""Modules of the caller's own, imported from where the caller works."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

from edgedigits.errors import ModelError


def import_module(name: str, said: str) -> ModuleType:
    """The module of that name; the working folder is looked into first, and `said` begins the sentence of an error.

    Raises ModelError, whatever importing it raises.
    """
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:  # the module is the caller's: whatever it raises is its answer
        missing = getattr(error, "name", None) == "tf_keras"
        remedy = "pip install 'edgedigits[keras2]'" if missing else f"it is looked for in {here} and on Python's path"
        raise ModelError(f"{said}: importing {name} failed ({type(error).__name__}: {error}); {remedy}.") from error
    finally:
        sys.path.remove(here)
