"""The door to the database: connections, transactions, numbered migrations, what the disk allows."""
