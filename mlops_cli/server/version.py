"""Which server of the API we answer like."""

from __future__ import annotations

API_VERSION = "2.34"
"""The newest version of the API whose shapes we answer."""

SERVER_VERSION = "2.3.0"
"""The open server's release that answers like us: clients decide by it what they may send."""
