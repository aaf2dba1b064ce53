"""Pixels as numbers in a file: .npz and .npy arrays, and tables with a column for each pixel."""
