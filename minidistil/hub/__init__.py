"""Official models: their names, pinned files and where they come from; below all chapters."""
