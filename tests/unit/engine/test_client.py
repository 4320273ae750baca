import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from clickstream_lake.engine import client as module
from clickstream_lake.engine.client import Client
from clickstream_lake.engine.errors import StatementError

NO_NODE = {"error": {"errorName": "NO_NODES_AVAILABLE", "message": "No nodes available"}}
WRONG = {"error": {"errorName": "SYNTAX_ERROR", "message": "no"}}
DONE = {"id": "q", "stats": {}, "columns": [], "data": [[1]]}


class Engine:
    """Answers statements with what it is given, in turn; the last answer again and again."""

    def __init__(self) -> None:
        self.answers: list[dict[str, object]] = []
        self.asked = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                body = json.dumps(owner.answers[min(owner.asked, len(owner.answers) - 1)]).encode()
                owner.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    made = Client(engine.endpoint)
    yield made
    made.close()


def test_a_statement_waits_until_the_node_knows_its_catalogs(
    engine: Engine, client: Client
) -> None:
    engine.answers = [NO_NODE, NO_NODE, DONE]

    assert client.run("SELECT 1").rows == [[1]]
    assert engine.asked == 3


def test_without_a_node_a_statement_fails_in_the_end(
    engine: Engine, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NODE_SECONDS", 0.0)
    engine.answers = [NO_NODE]

    with pytest.raises(StatementError, match="NO_NODES_AVAILABLE"):
        client.run("SELECT 1")


def test_what_is_wrong_is_asked_once(engine: Engine, client: Client) -> None:
    engine.answers = [WRONG, DONE]

    with pytest.raises(StatementError, match="SYNTAX_ERROR"):
        client.run("SELEC 1")
    assert engine.asked == 1
