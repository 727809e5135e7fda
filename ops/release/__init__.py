"""Releases: rehearsed on this machine, migrated, settings compared."""
