"""Data that Python has in hand: NumPy arrays, a tf.data.Dataset, a Dataset of Hugging Face; known by what they can do."""
