"""What is claimed, measured: each topic's command writes `results/<topic>.json`, and tables come from those files alone."""
