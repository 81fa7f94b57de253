"""Git and the code of a run: base, patch, bundle, restore, the patch between two tasks; the only door to git."""
