"""What makes .tflite bytes, one a file: each runs in a child process, and only `conversion` in the room of exports asks for it."""
