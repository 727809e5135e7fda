"""Single-use keys: claimed once, kept as long as what they guard, deleted when they have expired."""
