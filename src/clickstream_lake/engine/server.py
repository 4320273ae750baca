"""A running engine."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from clickstream_lake.engine import configuration, supervise
from clickstream_lake.engine.client import Client
from clickstream_lake.engine.configuration import Storage
from clickstream_lake.engine.distribution import install
from clickstream_lake.engine.errors import EngineError, StatementError
from clickstream_lake.engine.java import find_java

HEAP: Final = "2G"

_POLL_SECONDS: Final = 0.2
_TAIL: Final = 15  # lines of the log that an error shows
# Variables by which AWS's library for Java would take other credentials than those it is given.
_CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
}


class Trino:
    """A Trino over Glue and S3, for as long as the context is open.

    ```python
    with Trino(Storage(region="eu-west-1")) as trino:
        trino.client.run("SELECT count(*) FROM clickstream.clickstream_events").rows
    ```

    Only this machine reaches it, without a password. It ends with this process, however that ends.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        server: Path | None = None,
        java: Path | None = None,
        port: int = 0,
        heap: str = HEAP,
        quick: bool = False,
        start_seconds: float = 300.0,
    ) -> None:
        """Describe it; entering the context starts it.

        Args:
            storage: what it reads and writes.
            server: an unpacked server; by default the one of the cache, which is brought.
            java: the program; by default it is looked for.
            port: of the loopback interface; 0 takes a free one.
            heap: Java's heap at most, as its option `-Xmx` has it.
            quick: compile less: it starts in half the processor time, and long queries take longer.
            start_seconds: how long it may take to answer.
        """
        self._storage = storage
        self._server = server
        self._java = java
        self._port = port
        self._heap = heap
        self._quick = quick
        self._start_seconds = start_seconds
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            EngineError: it cannot be had, or it does not start; the message has its last words.
        """
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it, and remove its files."""
        self._stack.__exit__(kind, error, trace)

    def check(self) -> None:
        """Raise an error if it has ended by itself.

        Raises:
            EngineError: with its last words.
        """
        if self._process.poll() is not None:
            raise EngineError(f"the engine has ended by itself:\n{_tail(self._log)}")

    def _start(self, stack: ExitStack) -> None:
        server = self._server or install()
        java = self._java or find_java()
        self.port = free_port(self._port)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        # Private to this user: what is read of the lake may be spilled into it.
        directory = Path(tempfile.mkdtemp(prefix="clickstream-trino-"))
        configuration.write(
            directory,
            self._storage,
            port=self.port,
            heap=self._heap,
            quick=self._quick,
            plugins=server / "plugin",
        )
        self.log = directory / "server.log"
        self._log = stack.enter_context(self.log.open("w+b"))
        self._process = subprocess.Popen(  # noqa: S603 - a Java that was found, with arguments of ours
            [
                *(sys.executable, "-I", supervise.__file__, directory, java),
                f"@{directory / 'etc' / 'jvm.options'}",
                *("-cp", server / "lib" / "*", "io.trino.server.TrinoServer"),
            ],
            cwd=directory,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal is for this process, which stops the other.
            start_new_session=True,
        )
        stack.callback(_stop, self._process)
        self.client = Client(self.endpoint)
        stack.callback(self.client.close)
        self._wait()

    def _environment(self) -> dict[str, str]:
        own = self._storage.environment
        # Keys of this process's environment would win over a profile that was asked for.
        inherited = {k: v for k, v in os.environ.items() if not own or k not in _CREDENTIALS}
        return inherited | own

    def _wait(self) -> None:
        deadline = time.monotonic() + self._start_seconds
        last = ""
        while True:
            try:
                if self.client.is_ready():
                    return
                last = "it is still starting"
            except (EngineError, StatementError) as error:
                last = str(error)
            self.check()
            if time.monotonic() > deadline:
                seconds = f"{self._start_seconds:.0f} s"
                raise EngineError(
                    f"the engine did not answer within {seconds} ({last}):\n{_tail(self._log)}"
                )
            time.sleep(_POLL_SECONDS)


def free_port(port: int = 0) -> int:
    """The port of the loopback interface, if nobody has it; or a free one for 0.

    Raises:
        EngineError: it is taken.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EngineError(
                f"port {port} of this machine is not free ({error.strerror}): choose another one"
            ) from None
        free: int = probe.getsockname()[1]
        return free


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Have the server stopped, and wait until it is and its files are gone."""
    assert process.stdin is not None  # noqa: S101 - it was made with a pipe
    process.stdin.close()
    process.wait()


def _tail(log: BinaryIO) -> str:
    """The last lines of a log, which stays readable when its file has been removed."""
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-_TAIL:])
