"""Several trainings of one net, as one: folds with an out-of-fold score, seeds with their median; and logs for TensorBoard."""
