"""What both forms of a model answer to the same images, told apart: by class, by how sure they are, by image."""
