"""What saved models say, as plain data: read by a child process, looked through before Keras may build from it, and written."""
