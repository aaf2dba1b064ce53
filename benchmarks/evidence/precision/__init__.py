"""Whether fewer bits, and more where they are needed, do what is said of them."""
