"""Who calls and what they may: access keys, tokens, roles, throttling. HTTP itself is not known here."""
