"""Walks and rewrites that graph: which channels go together, what can be folded, merged or narrowed."""
