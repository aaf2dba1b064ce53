"""Decoded images, kept while there is room for them."""
