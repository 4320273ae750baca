"""One execution environment: a process that imports a handler once and serves invocations.

It is started by `process.py` with one end of a pipe. What the handler prints goes to its log file
with the process's own standard output and error.
"""

import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from clickstream_lake.sandbox.runtime.call import call_handler, describe_error, load_handler

if TYPE_CHECKING:
    from clickstream_lake.sandbox.runtime.function import Function


def serve(connection: Connection) -> None:
    """Answer invocations until the other end is closed."""
    function: Function = connection.recv()
    try:
        handler = load_handler(function.handler)
    except Exception as error:  # noqa: BLE001 - a handler that cannot be imported is an answer, too
        connection.send((describe_error(error), True))
        return
    connection.send(None)
    while True:
        try:
            payload, request_id = connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return
        answer = call_handler(handler, function, payload, request_id)
        sys.stdout.flush()
        connection.send(answer)


if __name__ == "__main__":
    # Ctrl-C ends the sandbox, and the sandbox ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
