"""A moto behind HTTP that is empty when a test gets it.

moto keeps one state a process, in which every test of a worker would find what others left.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer


@contextmanager
def empty_moto() -> Iterator[None]:
    """Forget what moto holds in this process, before and after."""
    moto_api_backend.reset()
    try:
        yield
    finally:
        moto_api_backend.reset()


@contextmanager
def moto_server() -> Iterator[str]:
    """The endpoint of an empty moto, such as `http://127.0.0.1:5000`."""
    with empty_moto():
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            yield f"http://{host}:{port}"
        finally:
            server.stop()
