"""Whether a file runs on a runtime, before it is there."""
