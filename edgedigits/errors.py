"""Every error edgedigits raises on purpose, drawn once.

    EdgeDigitsError
    ├── InputError            the call was wrong: exit code 2
    │   ├── DataError         a data set: missing, unreadable, wrong shape, NaN, empty class
    │   ├── ModelError        a Keras model: not one, truncated, not a classifier, a layer that can't be taken
    │   │   └── OpenSizeError one that takes images of any size
    │   ├── RecipeError       a recipe: unknown, mistyped, out of range
    │   ├── TfliteError       a .tflite file: not one, truncated, altered
    │   ├── ArtifactError     a folder to read or write: missing, not writable, full
    │   ├── DamagedError      what edgedigits kept for itself is not as it was written
    │   └── DeviceError       a device can't be reached, or can't have what is wished
    └── CheckError            the work was done and a check failed: exit code 1
        ├── MaskError         a stage revived pruned weights
        ├── ParityError       the bytes do not answer as the Keras model before export does
        ├── ClassLostError    a class that the model found is not found any more
        ├── FloatOpError      an operator stayed in float in an int8 export
        ├── MissingWeightsError   the export lost its weights
        ├── TargetError       a model can't be shrunk as far as was asked
        ├── GateError         what was made misses a gate
        ├── OperatorError     a runtime lacks an operator that the bytes need
        └── DeployError       a deploy was tried and failed; what was in use stays

A message is one sentence or two: where, what was found, what would do.
"""


class EdgeDigitsError(Exception):
    """Base of all; `exit_code` is what the command line ends with."""

    exit_code = 1


class InputError(EdgeDigitsError):
    """The call, a file or the data was wrong."""

    exit_code = 2


class DataError(InputError):
    """A data set can't be used."""


class ModelError(InputError):
    """A Keras model can't be taken."""


class OpenSizeError(ModelError):
    """A Keras model takes images of any size, and none was named."""


class RecipeError(InputError):
    """A recipe is unknown or wrong."""


class TfliteError(InputError):
    """A .tflite file can't be read."""


class ArtifactError(InputError):
    """A folder can't be read or written."""


class DamagedError(InputError):
    """What edgedigits kept for itself is missing, altered, or of another version; it is made anew."""


class CheckError(EdgeDigitsError):
    """The work was done, and a check of it failed."""


class MaskError(CheckError):
    """A stage revived weights that an earlier one had pruned."""


class ParityError(CheckError):
    """The exported bytes answer differently from the Keras model."""


class ClassLostError(CheckError):
    """A class that the model found before compression is practically lost after it."""


class FloatOpError(CheckError):
    """An operator stayed in float in an export that promised integers."""


class MissingWeightsError(CheckError):
    """The export holds fewer weights than the model."""


class TargetError(CheckError):
    """The smallest model that the settings allow misses the target of the stage."""


class GateError(CheckError):
    """What was made, measured or compared misses a gate; it is written all the same."""


class OperatorError(CheckError):
    """A .tflite file won't run on a runtime, for it lacks an operator or a version of one."""


class DeviceError(InputError):
    """A device can't be reached, can't be used, or refused."""


class DeployError(CheckError):
    """A release was installed, and a check of it on the device failed; it is not in use."""
