"""Other tools on the same float model and data, side by side with ours: `python -m benchmarks.peers`.

Each folder here is a peer: `requirements.txt` is its environment, and its `make.py INPUTS OUT` runs there, without edgedigits.
INPUTS holds cnn.h5 (Keras 2), float32.tflite, mnist.npz and calibration.npy (float32 [300, 28, 28, 1] of training images);
OUT gets the files and made.json: {"version": ..., "made": [{"recipe", "file", "seconds"}, ...]}.
"""
