"""What "right" means: scores, parity of answers, paired comparison, how sure a number is."""
