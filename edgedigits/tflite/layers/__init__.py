"""Two files of the same model, layer by layer: which tensors are the same, and how far apart their values are."""
