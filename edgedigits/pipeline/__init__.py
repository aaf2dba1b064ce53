"""A recipe in, an artifact folder out: the one loop and what it asks around the stages."""
