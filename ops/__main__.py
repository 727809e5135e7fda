import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the one file an older Python gets as far as
    sys.exit("error: Handshake needs Python 3.11 or newer")

try:
    from ops.commands.app import app
except ModuleNotFoundError as missing:
    sys.exit(f"error: {missing.name} is not installed; `make run` sets everything up")

app(prog_name="ops")
