"""The operator's command line and local stack. Never deployed."""
