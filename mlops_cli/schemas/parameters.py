"""What the text fields of a parameter mean to us beyond the API."""

GUESSED = "guessed from the command line"
"""The description of a parameter whose type nobody declared: `--lr 1` looks like an int and may well be a float."""
