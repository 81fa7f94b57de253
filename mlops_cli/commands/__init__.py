"""The command line: one module a command, or a group of commands; `root` is the door, `lazy` the table of names."""
