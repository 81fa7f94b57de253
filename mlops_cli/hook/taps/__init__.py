"""Taps, one file each: `TARGET` names the modules that wake it, `apply(module, note)` is called with each of them.

Nothing here is imported before the person's own program imports the target. `catalogue.py` lists them all.
"""
