"""Structured pruning: whole channels and branches removed."""
