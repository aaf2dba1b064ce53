"""Which augmentation suits a model's data: what the model itself says of it, and a try-out within a share of the training."""
