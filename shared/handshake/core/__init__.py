"""Gives every room its common words: reason codes, errors, JSON, text, paging. No AWS, no HTTP."""
