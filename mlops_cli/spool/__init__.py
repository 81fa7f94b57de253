"""The append-only log of a run: its folder, the reader of its records, and the shipper that sends them.

The record format itself lives in `hook.records`, because it travels into the child.
"""
