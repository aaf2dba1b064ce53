"""Which Python and packages run an interpreter, here or on a device."""
