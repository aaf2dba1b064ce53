"""Options that several commands take alike."""
