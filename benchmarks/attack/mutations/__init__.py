"""Ways to spoil a file: bytes blindly, or by what the format says of itself. All take their chances from one `Random`."""
