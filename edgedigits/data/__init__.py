"""Data sets: where they come from, how they are cut, how they are fed to training."""
