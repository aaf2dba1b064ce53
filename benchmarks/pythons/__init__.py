"""Every Python that the package takes: an environment of the lock, a newcomer's commands, tests."""
