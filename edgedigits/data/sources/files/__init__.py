"""Images in files of their own, told apart by folders or by a table beside them."""
