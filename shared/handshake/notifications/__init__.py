"""Tells of what was committed: events on the stack's own bus, and reminders of what still waits."""
