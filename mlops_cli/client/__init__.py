"""The API in Python: `connect` gives an `Api`; one group a service, references, filters, columns,
transfer."""
