"""edgedigits: a trained Keras image classifier in, a verified int8 TFLite model out.

Importing this package imports no TensorFlow; the modules that need it do so themselves.
"""

__version__ = "0.1.0"
