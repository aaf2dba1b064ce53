"""Layers of Keras that are opened: other layers stand in their place."""
