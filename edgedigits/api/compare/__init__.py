"""The comparison of two models as a function, and what it found."""
