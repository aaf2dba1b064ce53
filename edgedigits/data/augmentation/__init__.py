"""Training images moved at random, so that a net learns what stays the same: the moves, and named sets of them."""
