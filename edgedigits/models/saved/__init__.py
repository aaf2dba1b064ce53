"""What a saved Keras model says, as plain data: read by a child process, looked through before Keras may build from it."""
