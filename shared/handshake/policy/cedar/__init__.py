"""Cedar beside the rules: what a text may be, what a tool's call becomes, and what a set of policies says of it."""
