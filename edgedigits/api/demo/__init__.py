"""What a newcomer sees first: the main job on data that is at hand."""
