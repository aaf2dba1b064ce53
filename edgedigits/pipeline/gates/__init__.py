"""Gates: what an artifact must hold, judged on the bounds of what was measured."""
