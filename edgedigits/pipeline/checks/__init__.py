"""What is asked of a model and its data before anything is trained, and of the answers after."""
