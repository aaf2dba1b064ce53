"""Compression stages: one idea a file, Keras in and Keras out.

A stage is a frozen dataclass whose fields are exactly its YAML keys. Calling it leaves its input untouched and is deterministic
for a seed. It sees neither paths nor test images nor its neighbours.
"""
