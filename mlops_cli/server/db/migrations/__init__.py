"""The numbered steps from one version of the store to the next, each an SQL file that is never edited once released.

A file may say in its first lines which older programs may still use a store that has it: `-- oldest_reader: 3` and
`-- oldest_writer: 3`. Without such a line the file does not change what was allowed before.
"""
