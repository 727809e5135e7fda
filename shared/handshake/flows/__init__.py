"""Use cases, one a module: read once, decide in the domain, write once."""
