"""Official models and the Hugging Face hub: names, pinned files, downloads. No module here imports a chapter."""
