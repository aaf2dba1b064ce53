"""Gates on what a call found: parsed before, judged after, shown under the rest."""
