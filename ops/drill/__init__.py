"""Drills: an incident caused on purpose, its runbook followed, and the times it took.

``harm`` causes incidents, ``course`` watches one from its first bad answer to the alarm's OK, ``command`` runs them.
"""
