"""Series of points: their bytes, their chunks with a summary each, and how a long curve is thinned. Pure."""
