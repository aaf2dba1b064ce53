"""Which layers keep more than int8, chosen by what int8 does to the answers: on validation images, in few tries."""
