"""Bytes out of a Keras model, and what must be true of them."""
