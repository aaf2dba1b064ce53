"""What each layer bears: rounded alone, left in float alone, pruned, narrowed; measured on validation images."""
