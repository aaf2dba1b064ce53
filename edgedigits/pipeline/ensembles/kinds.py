"""The kinds of ensembles, by name."""

SOFT_VOTING, STACKING = ENSEMBLES = ("soft_voting", "stacking")
