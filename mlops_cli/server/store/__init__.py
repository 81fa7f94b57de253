"""What is stored and what may happen to it: domain verbs, one transaction each."""
