"""What Lake Formation lets readers see, in both modes, after the real provider's requests.

They are recorded on their way to the stand-in, which has an account's usual defaults: IAM alone
suffices for each new database and table.
"""

import io
import json
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from clickstream_lake.demo import terraform
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.sandbox.lake_formation import EVERYBODY
from clickstream_lake.sandbox.moto_fixes import moto_fixes
from tests.e2e.drift import plan_drift
from tests.e2e.needs import need_terraform
from tests.moto_server import empty_moto

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("lake-formation")]

REGION = "us-east-1"
ANALYST = "arn:aws:iam::123456789012:role/analyst"
SOMEBODY = "arn:aws:iam::123456789012:role/somebody"
HIDDEN = {"user_agent", "extra"}
READERS = {
    "force_destroy": True,
    "lake_formation_enabled": True,
    "lake_formation_readers": {"analysts": ANALYST},
    "lake_formation_excluded_columns": sorted(HIDDEN),
}
TABLES = ["aws_glue_catalog_table.lake"]
FORMATION = [
    *TABLES,
    "aws_lakeformation_opt_in.reader",
    "aws_lakeformation_opt_in.reader_database",
    "aws_lakeformation_permissions.location",
    "aws_lakeformation_permissions.reader",
    "aws_lakeformation_permissions.reader_database",
    "aws_lakeformation_permissions.writer",
    "aws_lakeformation_resource.lake",
]


class Recorded:
    """A stand-in of AWS, and what was asked of it: (operation, request)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self, threaded=True)
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:  # noqa: ANN401 - WSGI's own
        target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        operation = target or environ["PATH_INFO"].strip("/")
        if "lakeformation" in environ.get("HTTP_AUTHORIZATION", "") or target:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
            self.requests.append((operation, json.loads(body or b"{}")))
        return self._moto(environ, start_response)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [request for name, request in self.requests if name == operation]

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="sandbox",
            aws_secret_access_key="sandbox",
        )

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def aws() -> Iterator[Recorded]:
    need_terraform()
    with moto_fixes(), empty_moto():
        recorded = Recorded()
        yield recorded
        recorded.close()


def apply(aws: Recorded, workdir: Path, targets: list[str], **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - Terraform's
    return terraform.apply(
        aws.endpoint, workdir, variables, access_key_id="sandbox", targets=targets, region=REGION
    )


def visible(aws: Recorded, database: str, principal: str, table: str) -> set[str]:
    """The columns that a principal reads of a table, whom IAM allows all of it.

    As AWS documents it: Lake Formation's grants decide about who is opted in, and about everybody
    once IAM_ALLOWED_PRINCIPALS has nothing on the table any more; else IAM does.
    """
    glue, formation = aws.client("glue"), aws.client("lakeformation")
    found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    columns = {column["Name"] for column in found["StorageDescriptor"]["Columns"]}
    grants = [
        grant
        for grant in formation.list_permissions()["PrincipalResourcePermissions"]
        if (database, table) in places(grant)
    ]
    opted_in = {
        opt_in["Principal"]["DataLakePrincipalIdentifier"]
        for opt_in in formation.list_lake_formation_opt_ins()["LakeFormationOptInsInfoList"]
        if (database, table) in places(opt_in)
    }
    everybody = [grant for grant in grants if EVERYBODY in grant["Principal"].values()]
    if everybody and principal not in opted_in:
        return columns
    seen: set[str] = set()
    for grant in grants:
        if principal in grant["Principal"].values() and "SELECT" in grant["Permissions"]:
            wildcard = grant["Resource"]["TableWithColumns"]["ColumnWildcard"]
            seen |= columns - set(wildcard.get("ExcludedColumnNames", []))
    return seen


def places(about: dict[str, Any]) -> set[tuple[str | None, str | None]]:
    """The database and the table that a grant or an opt-in names."""
    return {(each.get("DatabaseName"), each.get("Name")) for each in about["Resource"].values()}


def all_columns(table: str) -> set[str]:
    catalog = load_catalog()
    (known,) = [each for each in catalog.tables.values() if table.endswith(each.name)]
    return {column.name for column in known.columns}


def names(*prefixes: str) -> list[str]:
    known = [table.name for table in load_catalog().tables.values()]
    return [f"{prefix}{name}" for prefix in prefixes or ("",) for name in known]


def run(aws: Recorded, command: str) -> None:
    """What a command of AWS's command line does: only its own way of naming parameters is ours."""
    program, service, operation, *options = shlex.split(command)
    assert program == "aws"
    parameters: dict[str, Any] = {}
    for name, value in zip(options[::2], options[1::2], strict=True):
        key = "".join(part.title() for part in name.removeprefix("--").split("-"))
        if value.startswith("{"):
            parameters[key] = json.loads(value)
        elif "=" in value:
            parameters[key] = dict([value.split("=")])
        else:
            parameters[key] = [value] if key == "Permissions" else value
    assert parameters.pop("Region") == REGION
    getattr(aws.client(service), operation.replace("-", "_"))(**parameters)


def test_hybrid_readers_see_their_columns_of_tables_that_were_there_and_others_as_before(
    aws: Recorded, tmp_path: Path
) -> None:
    # The database is named after the lake.
    apply(aws, tmp_path, TABLES, name="hybrid", force_destroy=True)
    assert all(visible(aws, "hybrid", ANALYST, table) == all_columns(table) for table in names())
    apply(aws, tmp_path, FORMATION, name="hybrid", **READERS)
    for table in names():
        assert visible(aws, "hybrid", ANALYST, table) == all_columns(table) - HIDDEN
        assert visible(aws, "hybrid", SOMEBODY, table) == all_columns(table)
    (registered,) = aws.asked("RegisterResource")
    assert registered["HybridAccessEnabled"] is True
    opted_in = {
        (*each["Principal"].values(), next(iter(each["Resource"].values()))["Name"])
        for each in aws.asked("CreateLakeFormationOptIn")
    }
    assert opted_in == {(ANALYST, name) for name in ("hybrid", *names())}
    assert aws.asked("RevokePermissions") == []
    assert relevant(plan_drift(tmp_path)) == []


def test_strict_nobody_sees_anything_by_iam_alone_once_the_commands_have_run(
    aws: Recorded, tmp_path: Path
) -> None:
    strict = {**READERS, "name": "strict", "lake_formation_mode": "strict"}
    made = apply(aws, tmp_path, FORMATION, **strict)
    (registered,) = aws.asked("RegisterResource")
    assert not registered.get("HybridAccessEnabled")
    assert all(visible(aws, "strict", SOMEBODY, table) == all_columns(table) for table in names())
    for command in made["lake_formation_revokes"]:
        run(aws, command)
    for table in names():
        assert visible(aws, "strict", SOMEBODY, table) == set()
        assert visible(aws, "strict", ANALYST, table) == all_columns(table) - HIDDEN
    formation = aws.client("lakeformation")
    left = formation.list_permissions()["PrincipalResourcePermissions"]
    everybody = [grant for grant in left if EVERYBODY in grant["Principal"].values()]
    assert "strict" not in json.dumps([grant["Resource"] for grant in everybody])
    assert relevant(plan_drift(tmp_path)) == []
    # A stream that comes later is closed from the beginning.
    apply(
        aws, tmp_path, FORMATION, streams={"events": {}, "orders": {"prefix": "orders/"}}, **strict
    )
    assert all(visible(aws, "strict", SOMEBODY, table) == set() for table in names("", "orders_"))
    assert all(visible(aws, "strict", ANALYST, table) for table in names("", "orders_"))


def relevant(drifts: Any) -> list[Any]:  # noqa: ANN401 - a list of Drift
    """What the plan would change of that which was applied."""
    return [each for each in drifts if each.actions != ("create",)]
