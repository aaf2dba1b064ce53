"""Any trained Keras model as one flat graph: rebuilt layer by layer, and compared with the original."""
