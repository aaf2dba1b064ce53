"""Models that Keras 2 saved, brought over to Keras 3 and held against what a witness answers."""
