"""Shares among HTTP handlers: routing, guards, errors, telemetry and the composition root."""
