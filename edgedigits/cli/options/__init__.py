"""What several commands share: options, and how results are printed."""
