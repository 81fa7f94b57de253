"""Experiments as one file: `export` writes it, `restore` reads it back as something that may be hostile."""
