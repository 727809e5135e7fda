"""Migrate stored data: give each migration its tools, record it, and let only one run at a time.

CloudFormation owns the tables; a migration owns data. Each is a module in ``migrations/`` with two functions,
``plan(Reader) -> Plan`` and ``apply(Worker) -> None``. Its keys and conditions are its own: it knows data as an earlier
release left it, which the store's code no longer does.
"""

from ops.migrations.work import Change, Plan, Reader, Scope, Throttle, Worker

__all__ = ["Change", "Plan", "Reader", "Scope", "Throttle", "Worker"]
