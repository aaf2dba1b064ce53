"""The same loop run dry: what a recipe will buy, said before any training."""
