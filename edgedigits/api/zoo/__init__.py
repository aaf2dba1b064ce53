"""The comparison of the zoo's nets: what each is in float, what recipes make of it, all in one table."""
