"""Whether the evidence that is given of a compressed model is right: a module for each section, started by `__main__`."""
