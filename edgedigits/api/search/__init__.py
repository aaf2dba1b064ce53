"""The search as a function, and what it found."""
