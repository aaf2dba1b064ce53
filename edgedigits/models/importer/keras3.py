"""Keras 3, imported behind `backend`: whoever imports TensorFlow first decides how much it writes to standard error."""

from edgedigits import backend

# isort: split
import keras as keras3

__all__ = ["backend", "keras3"]
