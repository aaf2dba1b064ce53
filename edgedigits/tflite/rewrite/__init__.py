"""Other bytes, the same model, with proof."""
