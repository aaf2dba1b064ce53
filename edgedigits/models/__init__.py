"""Any trained Keras classifier as one flat graph: read, rebuilt, walked and rewritten; and the architectures that ship."""
