"""The tracking API on a store: `dispatch` runs an endpoint by its name, whoever brings the call."""
