"""The dispatch table and the file store over HTTP: one raw ASGI application, and the server that runs it."""
