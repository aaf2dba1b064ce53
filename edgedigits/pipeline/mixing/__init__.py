"""Mixed precision: layers that keep more than int8, named or chosen by the harm that int8 does to them."""
