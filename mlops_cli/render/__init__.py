"""What a person sees: output forms, tables, reports, curves, differences. Nothing here asks a server."""
