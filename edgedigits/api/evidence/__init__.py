"""Why a compressed model answers as it does."""
