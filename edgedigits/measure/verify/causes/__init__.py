"""What can be wrong with a quantized layer, one idea a file."""
