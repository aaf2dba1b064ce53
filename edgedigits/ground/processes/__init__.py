"""Native code in processes of its own: what dies or hangs there is told in one sentence."""
