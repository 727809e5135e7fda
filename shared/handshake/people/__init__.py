"""Keeps who signs in: a person's record, and what becomes of a call that carries somebody's ID token."""
