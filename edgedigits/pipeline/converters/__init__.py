"""What makes .tflite bytes, one a file: each runs in a child process, and `export/conversion.py` alone asks for it."""
