"""What each operator of a model takes on a machine, how far that is from what its core can do, and why."""
