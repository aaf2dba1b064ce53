"""The bytes of a .tflite file: read with every bound checked, and run."""
