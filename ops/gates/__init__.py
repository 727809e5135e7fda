"""Hold the gates of a release, each runnable by name (``poe check:openapi``), each leaving a receipt.

Exit codes a script can read: 0 it holds; the gate's own code (``ops.gates.registry``) where something was found; 70
where the gate could not judge, which is never a pass; 2 for a command line it does not understand.
"""
