"""What travels on the wire: one file a service of the API. Readers ignore keys that they do not know."""
