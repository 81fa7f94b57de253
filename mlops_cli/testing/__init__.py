"""For tests, ours and those of plug-ins: a real store in a temporary folder, and what to fill it with."""
