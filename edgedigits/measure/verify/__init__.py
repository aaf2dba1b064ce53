"""Why a compressed file answers as it does: its layers against the float form, and the same bytes in different runtimes."""
