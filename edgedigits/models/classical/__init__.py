"""Classical models of scikit-learn: by name, on features of images, in files that hold no pickled code."""
