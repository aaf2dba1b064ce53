"""The tasks, one a module, and the table of them."""
