"""One probe a source. A probe never raises into its caller: what cannot be told is None, never 0."""
