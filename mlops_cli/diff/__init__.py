"""Compares experiments: `compare` takes tasks and gives a `Comparison`, which `render` shows. Pure."""
