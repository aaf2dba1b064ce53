"""Recipes and the search on nets and data that are not ours: what `python -m benchmarks.adapt` measures."""
