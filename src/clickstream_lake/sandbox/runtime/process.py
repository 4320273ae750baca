"""A worker process seen from the sandbox: start it, call it, and end it when it is late."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from clickstream_lake.sandbox.runtime.function import Function, Outcome, Request

# What a handler's process inherits from ours. Everything else comes from the function itself.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
_WORKER = "clickstream_lake.sandbox.runtime.worker"
_IMPORT_SECONDS = 60
_EXIT_SECONDS = 5


class Worker:
    """One warm execution environment of one function."""

    def __init__(self, function: Function, environment: Mapping[str, str], log: Path) -> None:
        """Start the process; its standard output and error are appended to `log`."""
        self.function = function
        self._connection, theirs = multiprocessing.Pipe()
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", _WORKER, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=inherited | dict(environment),
                pass_fds=(theirs.fileno(),),
                process_group=0,  # a Ctrl-C in the terminal is not meant for it
            )
        theirs.close()
        self._ready = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another invocation."""
        return self._process.poll() is None and not self._connection.closed

    def invoke(self, request: Request) -> Outcome:
        """Run one invocation; after a failed start, a timeout or a crash the worker is gone."""
        with self._lock:
            try:
                if not self._ready:
                    self._connection.send(self.function)
                    if not self._connection.poll(_IMPORT_SECONDS):
                        return self._lost(
                            "Sandbox.InitTimeout", "the handler's import takes too long"
                        )
                    failure = self._connection.recv()
                    if failure is not None:
                        self.stop()
                        return Outcome(*failure)
                    self._ready = True
                self._connection.send((request.payload, request.request_id))
                if not self._connection.poll(self.function.timeout):
                    seconds = self.function.timeout
                    return self._lost(
                        "Sandbox.Timedout", f"Task timed out after {seconds}.00 seconds"
                    )
                return Outcome(*self._connection.recv())
            except (EOFError, OSError):
                return self._lost("Runtime.ExitError", "the handler's process exited")

    def stop(self) -> None:
        """End the process: by closing its pipe, and by force if it does not go."""
        self._connection.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _lost(self, kind: str, message: str) -> Outcome:
        self._process.kill()
        self.stop()
        return Outcome(
            json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True
        )
