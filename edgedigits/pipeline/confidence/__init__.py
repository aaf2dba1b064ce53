"""How sure the answers of an artifact are, and what it refuses to answer: chosen on validation images, told on test images."""
