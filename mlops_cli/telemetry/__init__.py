"""What the machine is and does: probes, and what is concluded from their readings."""
