"""Cost models: what an inference takes on this machine and on boards, predicted."""
