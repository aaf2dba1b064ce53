"""Any saved Keras model as one flat graph: read by a child process, checked, rebuilt layer by layer."""
