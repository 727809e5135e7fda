"""Carries what was told to people: channels that operators register, and messages that do nothing but be read."""
