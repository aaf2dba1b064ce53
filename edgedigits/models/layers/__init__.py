"""What is known of each kind of layer, and how it is written by operators that have kernels."""
