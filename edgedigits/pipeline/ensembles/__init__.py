"""Several trained models as one: merged into one graph with one input, and judged like any other net."""
