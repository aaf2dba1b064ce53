"""The architectures, one family a module: builders, and beside them what each is and how it is trained, as data."""
