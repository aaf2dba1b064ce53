"""What `train` makes beside nets: ensembles of them, and classical models."""
