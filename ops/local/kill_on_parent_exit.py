"""Run a command, and kill its whole process group when this process's standard input ends.

    python kill_on_parent_exit.py COMMAND [ARGUMENT ...]

The parent holds the other end of the pipe, so the group also ends when the parent is killed outright: no handler of
the parent's has to run. The command runs in a temporary directory that is removed at the end.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading


def main(command: list[str]) -> int:
    """Run ``command`` until it or the parent ends. Returns its exit code."""
    with tempfile.TemporaryDirectory(prefix="handshake-", ignore_cleanup_errors=True) as scratch:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, process_group=0, cwd=scratch, env=os.environ | {"TMPDIR": scratch}
        )

        def end_group() -> None:
            # Nothing in the group has state worth an orderly shutdown.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

        def end_with_parent() -> None:
            sys.stdin.buffer.read()
            end_group()

        signal.signal(signal.SIGTERM, lambda *_: end_group())
        threading.Thread(target=end_with_parent, daemon=True).start()
        try:
            return child.wait()
        finally:
            end_group()  # the command may have died and left its workers


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
