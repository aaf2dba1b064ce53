"""Classical models trained, timed and judged beside the nets."""
