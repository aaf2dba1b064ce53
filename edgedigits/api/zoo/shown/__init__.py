"""What a comparison of nets is told by: its document, the choice of the best rows, the page, the tables."""
