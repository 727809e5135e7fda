"""Emulate CloudWatch's metrics and alarms beside ministack, for this machine and for tests. See README.md."""
