"""Which operators, in which versions, each runtime has: asked of the runtimes themselves."""
