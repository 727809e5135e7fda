"""The wire: every body that callers send or are sent (contract.md), in types that a schema is made from.

A field that may be left out is NotRequired; one that is there may be null only where its type says so. What callers
send may hold fields that nobody reads; what they are sent holds exactly what is here.
"""
