"""Where the bytes of artifacts and models lie."""
