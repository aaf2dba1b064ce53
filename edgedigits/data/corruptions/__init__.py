"""Images spoilt as they are in the world, by seed: what a model is tested under, in the manner of MNIST-C."""
