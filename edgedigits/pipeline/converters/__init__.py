"""What makes .tflite bytes, one a file: each runs in a child process, and only `conversion` among the exports asks for it."""
