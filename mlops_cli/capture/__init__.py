"""What is true when a run starts: its arguments, packages, host, configuration files and code, asked once."""
