"""Runs the server for as long as the process that wants it: a program of its own.

    supervise.py DIRECTORY COMMAND …

It ends the command when its standard input is closed, which also happens when whoever holds the
other end is killed, and then removes the directory. It imports nothing of the package.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading

_SECONDS = 20  # that the server may take to end by itself


def main(directory: str, command: list[str]) -> int:
    """Run the command, and return its exit status."""
    # Ctrl-C is for whoever started this: it closes the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The server wants many files open, and refuses to start with fewer than 4096.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as server:  # noqa: S603 - our own caller's
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())
            threading.Thread(target=_wait_for_end, args=(server,), daemon=True).start()
            return server.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _wait_for_end(server: "subprocess.Popen[bytes]") -> None:
    os.read(sys.stdin.fileno(), 1)
    server.terminate()
    try:
        server.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
