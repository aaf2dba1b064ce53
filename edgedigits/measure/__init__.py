"""Measures a model on a runtime here, and what a result must look like to be believed."""
