"""Provision a lake in the sandbox by the catalog, in a fraction of a second.

It creates what Terraform creates for AWS, through the same APIs and under the same names, except
what only AWS would notice (policies, retention). `clickstream demo --terraform` takes the
long way instead.
"""

import io
import json
import os
import zipfile
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.lake.formats import FORMATS, lake_tables
from clickstream_lake.lake.layout import Layout
from clickstream_lake.sandbox.resources import Provision, Resources
from clickstream_lake.sandbox.runtime.function import Function
from clickstream_lake.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import FilterRuleTypeDef, QueueConfigurationTypeDef

    from clickstream_lake.sandbox.clients import Clients

HANDLER: Final = "handler.handler"
"""What both functions' zips have at their root."""

FUNCTIONS: Final = {
    "transform": "clickstream_lake.transform.function.TransformFunction",
    "compact": "clickstream_lake.compact.function.CompactFunction",
}
"""How a function's name ends, and the class that its zip's handler makes."""

# The values of terraform/, which is their home; a test compares these with it.
RESULTS_PREFIX: Final = "athena-results/"
CATALOGS_PREFIX: Final = "artifacts/catalogs/"
ROUTES_PREFIX: Final = "artifacts/routes/"
GUARD_NAME: Final = "READ-BY-GLUE-PARTITIONS"
FIREHOSE_LETTERS: Final = {"year": "yyyy", "month": "MM", "day": "dd", "hour": "HH"}

QUERIES: Final = CATALOG_PATH.parent / "queries"
"""The saved queries of every catalog, which Terraform reads, too."""
ALARMS: Final = Path(__file__).parent / "alarms.json"
"""Terraform's alarms at its defaults, as `python -m dev.alarms` has written them."""

_PASSED_ON = ("CLICKSTREAM_KERNEL",)
_VISIBILITY_TIMES = 6  # AWS's advice: the queue's timeout over the function's
_SLACK_SECONDS = 10  # the compact queue has no batch window, and a retry should not take long


def _is_of_a_family(alarm: str) -> bool:
    """Whether a family has this alarm that has no stream of its own."""
    return "-compact" in alarm or alarm.endswith("-untaken-objects")


def queries_of(catalog: Path) -> Path:
    """The directory of a catalog's own saved queries, which name its columns; maybe none."""
    return catalog.with_suffix(".queries")


def entry_point(function: Function) -> str | None:
    """What a function of the lake runs in the sandbox: the class that its zip's handler makes.

    None for any other function, which the sandbox then does not run.
    """
    if function.handler != HANDLER:
        return None
    return FUNCTIONS.get(function.name.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of one family of events.

    Attributes:
        key: what names of its parts have in them.
        catalog: the file that says the family's columns.
        is_first: its places in the bucket and its tables have no prefix; those of others have
            their key, as by Terraform's defaults.
    """

    key: str = "events"
    catalog: Path = CATALOG_PATH
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """A family that events of a stream are routed to.

    Attributes:
        stream: key of the stream.
        key: name of the family; its places and tables have it before them.
        event_types: which events, by the value of their key.
        catalog: the file that says the family's columns.
    """

    stream: str
    key: str
    event_types: tuple[str, ...]
    catalog: Path = CATALOG_PATH


def table_prefix(stream: Stream | Route) -> str:
    """What stands before the names of a stream's tables, or of a family's."""
    is_first = isinstance(stream, Stream) and stream.is_first
    return "" if is_first else f"{stream.key.replace('-', '_')}_"


def prefix_of(stream: Stream | Route) -> str:
    """What stands before a stream's or a family's places in the bucket."""
    return "" if isinstance(stream, Stream) and stream.is_first else f"{stream.key}/"


@dataclass(frozen=True, slots=True)
class LakeSettings:
    """What can be chosen about a lake; the defaults suit a person at a laptop.

    Attributes:
        buffer_mib: Firehose delivers after this much, uncompressed; 1 to 128.
        buffer_seconds: or after this long; 0 to 900.
        timeout: seconds that an invocation may take.
        visibility_timeout: seconds until an unfinished message comes back; six timeouts if None.
        max_receives: how often a message is tried before it is a dead letter.
        streams: its families of events, the first one first.
        routes: families that events of these streams are routed to.
        route_by: the top-level key that says of which family an event is.
        environment: further variables of both functions, such as `LAKE_JSON_COMPRESSION`.
    """

    name: str = "clickstream"
    buffer_mib: int = 5
    buffer_seconds: int = 5
    batch_size: int = 4
    timeout: int = 60
    compact_timeout: int = 300
    visibility_timeout: int | None = None
    max_receives: int = 5
    compact_schedule: str = "rate(1 hour)"
    cleanup_schedule: str = "rate(6 hours)"
    audit_schedule: str = "rate(1 hour)"
    partition_keys: tuple[str, ...] | None = None
    transform_handler: str = HANDLER
    compact_handler: str = HANDLER
    environment: tuple[tuple[str, str], ...] = ()
    streams: tuple[Stream, ...] = (Stream(),)
    routes: tuple[Route, ...] = ()
    route_by: str = "event_type"


def by_catalog(settings: LakeSettings | None = None) -> Provision:
    """A `Provision` that creates one lake from its catalogs."""
    return lambda clients: _Provisioner(clients, settings or LakeSettings()).run()


lake_sandbox: Final = partial(Sandbox, provision=by_catalog(), entry_point=entry_point)
"""A sandbox with a lake in it; takes what `Sandbox` takes."""


class _Provisioner:
    """Creates what the streams of a lake share, and then each of them."""

    def __init__(self, clients: "Clients", settings: LakeSettings) -> None:
        self._clients = clients
        self._settings = settings
        self._bucket = f"{settings.name}-lake"

    def run(self) -> Resources:
        name = self._settings.name
        self._clients.s3.create_bucket(Bucket=self._bucket)
        self._clients.glue.create_database(DatabaseInput={"Name": name})
        trust = {"Version": "2012-10-17", "Statement": []}
        role = self._clients.client("iam").create_role(
            RoleName=f"{name}-sandbox", AssumeRolePolicyDocument=json.dumps(trust)
        )
        self._create_workgroup()
        streams = [
            _StreamProvisioner(
                self._clients, self._settings, stream, self._bucket, role["Role"]["Arn"]
            )
            for stream in self._settings.streams
        ]
        self._notify(streams)
        first, *others = [(stream.key, stream.run()) for stream in streams]
        families = {
            route.key: family.run(stream) for stream in streams for route, family in stream.families
        }
        self._create_alarms()
        return replace(first[1], further=dict(others) | families)

    def _notify(self, streams: "list[_StreamProvisioner]") -> None:
        self._clients.s3.put_bucket_notification_configuration(
            Bucket=self._bucket,
            NotificationConfiguration={
                "QueueConfigurations": [rule for stream in streams for rule in stream.rules()]
            },
        )

    def _create_workgroup(self) -> None:
        results = f"s3://{self._bucket}/{RESULTS_PREFIX}"
        self._clients.athena.create_work_group(
            Name=self._settings.name,
            Configuration={
                "EnforceWorkGroupConfiguration": True,
                "ResultConfiguration": {"OutputLocation": results},
            },
            Tags=[{"Key": "Sandbox", "Value": "true"}],
        )

    def _create_alarms(self) -> None:
        """Terraform's, which are written down for one stream, of each."""
        name = self._settings.name
        text = ALARMS.read_text(encoding="utf-8")
        every: tuple[Stream | Route, ...] = (*self._settings.streams, *self._settings.routes)
        for stream in every:
            source = stream.stream if isinstance(stream, Route) else stream.key
            of = text.replace("${name}-events-transform", f"{name}-{source}-transform")
            of = of.replace("${name}-events", f"{name}-{stream.key}")
            for alarm in json.loads(Template(of).substitute(name=name)):
                if isinstance(stream, Route) and not _is_of_a_family(alarm["AlarmName"]):
                    continue
                self._clients.client("cloudwatch").put_metric_alarm(**alarm)


class _FamilyProvisioner:
    """Creates what every family of events has: tables, a compact function, schedules, queries."""

    def __init__(  # noqa: PLR0917 - one place makes them
        self,
        clients: "Clients",
        settings: LakeSettings,
        of: Stream | Route,
        bucket: str,
        role: str,
        layout: Layout,
    ) -> None:
        self.key = of.key
        self._clients = clients
        self._settings = settings
        self._role = role
        self._catalog_file = of.catalog
        self._catalog = load_catalog(of.catalog)
        self._layout = layout
        before = table_prefix(of)
        self.tables: dict[str, str] = {
            fmt: f"{before}{self._catalog.tables[fmt].name}" for fmt in lake_tables()
        }
        self._stream = f"{settings.name}-{of.key}"
        self._bucket = bucket
        self._database = settings.name
        self._compact_url, self._compact_arn, _ = self._create_queues(
            "compact", settings.compact_timeout + _SLACK_SECONDS, fifo=True
        )
        self.catalog_key = f"{CATALOGS_PREFIX}{self._catalog.sha256}.json"
        clients.s3.put_object(Bucket=bucket, Key=self.catalog_key, Body=self._catalog.content)

    def _create(self, environment: dict[str, str]) -> None:
        """Create all of it; `environment` has what the functions of this family alone read."""
        settings = self._settings
        self._create_tables()
        own = {"LAKE_COMPACT_QUEUE_URL": self._compact_url} | self._environment() | environment
        compact = self._create_function(
            "compact", settings.compact_handler, settings.compact_timeout, own
        )
        self._map("compact", self._compact_arn, 1)
        self._schedule("compact", settings.compact_schedule, "plan", compact)
        self._schedule("cleanup", settings.cleanup_schedule, "cleanup", compact)
        self._schedule("audit", settings.audit_schedule, "audit", compact)
        self._save_queries()

    def _environment(self) -> dict[str, str]:
        layout = self._layout
        settings = {
            "LAKE_BUCKET": self._bucket,
            "LAKE_DATABASE": self._database,
            "LAKE_CATALOG": f"s3://{self._bucket}/{self.catalog_key}",
            "LAKE_PARTITION_KEYS": ",".join(layout.partition_keys),
            "LAKE_RAW_PREFIX": layout.raw_prefix,
            "LAKE_PROCESSED_PREFIX": layout.processed_prefix,
            "LAKE_REJECTED_PREFIX": layout.rejected_prefix,
            "LAKE_MANIFESTS_PREFIX": layout.manifests_prefix,
            "LAKE_ERRORS_PREFIX": layout.errors_prefix,
            "POWERTOOLS_METRICS_NAMESPACE": "Clickstream",
        }
        settings |= {f"LAKE_{fmt.upper()}_TABLE": name for fmt, name in self.tables.items()}
        # Who turns the kernel off for this process means the functions, too.
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return settings | passed_on | dict(self._settings.environment)

    def _create_tables(self) -> None:
        for fmt in lake_tables():
            table = self._catalog.glue_table_input(fmt, self._bucket, self._layout)
            # The catalog's own type is looser than the client's.
            self._clients.glue.create_table(
                DatabaseName=self._database,
                TableInput={**table, "Name": self.tables[fmt]},  # type: ignore[typeddict-item]
            )
        for data in FORMATS:
            # Whoever lists a table's prefix gets an error, rather than rows twice.
            self._clients.s3.put_object(
                Bucket=self._bucket,
                Key=f"{self._layout.table_dir(data)}{GUARD_NAME}.{data}",
                Body=b"This is no data file: `clickstream files` lists those.\n",
            )

    def _create_queues(
        self, purpose: str, visibility: int, *, fifo: bool = False
    ) -> tuple[str, str, str]:
        """A queue and its dead-letter queue: URL and ARN of the first, URL of the second."""
        suffix, kind = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
        dead_url, dead_arn = self._create_queue(f"{self._stream}-{purpose}-dead{suffix}", kind)
        redrive = {"deadLetterTargetArn": dead_arn, "maxReceiveCount": self._settings.max_receives}
        attributes = {
            "VisibilityTimeout": str(visibility),
            "RedrivePolicy": json.dumps(redrive),
        }
        url, arn = self._create_queue(f"{self._stream}-{purpose}{suffix}", kind | attributes)
        return url, arn, dead_url

    def _create_queue(self, name: str, attributes: dict[str, str]) -> tuple[str, str]:
        sqs = self._clients.sqs
        # boto3's own type spells out every attribute name.
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    def _create_function(
        self, purpose: str, handler: str, timeout: int, environment: dict[str, str]
    ) -> str:
        name = f"{self._stream}-{purpose}"
        answer = self._clients.functions.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self._role,
            Handler=handler,
            # The sandbox runs the project's own tree; moto only wants to see an archive.
            Code={"ZipFile": _empty_archive()},
            Timeout=timeout,
            MemorySize=1769,
            Environment={"Variables": environment | {"POWERTOOLS_SERVICE_NAME": name}},
        )
        return answer["FunctionArn"]

    def _map(self, purpose: str, queue_arn: str, batch_size: int) -> None:
        self._clients.functions.create_event_source_mapping(
            EventSourceArn=queue_arn,
            FunctionName=f"{self._stream}-{purpose}",
            BatchSize=batch_size,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )

    def _schedule(self, name: str, expression: str, action: str, function_arn: str) -> None:
        self._clients.scheduler.create_schedule(
            Name=f"{self._stream}-{name}",
            ScheduleExpression=expression,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": function_arn,
                "RoleArn": self._role,
                "Input": json.dumps({"action": action}),
            },
        )

    def _save_queries(self) -> None:
        own = queries_of(self._catalog_file)
        for file in sorted([*QUERIES.glob("*.sql"), *own.glob("*.sql")]):
            sql = Template(file.read_text(encoding="utf-8")).safe_substitute(self.tables)
            self._clients.athena.create_named_query(
                Name=f"{self._stream}: {file.stem.replace('_', ' ')}",
                Description=sql.splitlines()[0].removeprefix("--").strip(),
                Database=self._database,
                QueryString=sql,
                WorkGroup=self._settings.name,
            )


class _RouteProvisioner(_FamilyProvisioner):
    """Creates a family that events of a stream are routed to."""

    def run(self, stream: "_StreamProvisioner") -> Resources:
        """Create it, after the stream."""
        family = {"LAKE_FAMILY": self.key, "LAKE_ROUTES": stream.routes}
        self._create(family | {"LAKE_TRANSFORM_QUEUE_URL": stream.queue_url})
        return replace(stream.resources, stream=self._stream, compact_queue_url=self._compact_url)


class _StreamProvisioner(_FamilyProvisioner):
    """Creates one stream of a lake: its own family, Firehose, the transform and its queue."""

    def __init__(
        self, clients: "Clients", settings: LakeSettings, stream: Stream, bucket: str, role: str
    ) -> None:
        keys = settings.partition_keys or load_catalog(stream.catalog).partition_keys
        layout = _layout(keys, prefix_of(stream))
        super().__init__(clients, settings, stream, bucket, role, layout)
        visibility = settings.visibility_timeout or _VISIBILITY_TIMES * settings.timeout
        self.queue_url, self._queue_arn, self._dead_url = self._create_queues(
            "transform", visibility
        )
        self._let_the_bucket_send(self.queue_url, self._queue_arn)
        self._prefix = prefix_of(stream)
        self.families = [
            (
                route,
                _RouteProvisioner(
                    clients, settings, route, bucket, role, layout.family(f"{route.key}/")
                ),
            )
            for route in settings.routes
            if route.stream == stream.key
        ]
        self.routes = self._put_routes() if self.families else ""

    @property
    def resources(self) -> Resources:
        """What a user needs to know."""
        return Resources(
            bucket=self._bucket,
            stream=self._stream,
            database=self._database,
            workgroup=self._settings.name,
            queue_url=self.queue_url,
            dead_letter_url=self._dead_url,
            compact_queue_url=self._compact_url,
        )

    def run(self) -> Resources:
        """Create it."""
        settings = self._settings
        self._create_stream()
        routes = {"LAKE_ROUTES": self.routes} if self.routes else {}
        self._create_function(
            "transform",
            settings.transform_handler,
            settings.timeout,
            self._environment() | routes,
        )
        self._map("transform", self._queue_arn, settings.batch_size)
        self._create({"LAKE_TRANSFORM_QUEUE_URL": self.queue_url})
        return self.resources

    def _put_routes(self) -> str:
        """Put the routes where the functions find them; their address."""
        document = {
            "route_by": self._settings.route_by,
            "stream": {"name": self._stream, "prefix": self._prefix, "tables": self.tables},
            "families": {
                route.key: {
                    "event_types": route.event_types,
                    "catalog": f"s3://{self._bucket}/{family.catalog_key}",
                    "prefix": f"{route.key}/",
                    "tables": family.tables,
                }
                for route, family in self.families
            },
        }
        content = json.dumps(document, indent=1).encode()
        key = f"{ROUTES_PREFIX}{sha256(content).hexdigest()}.json"
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=content)
        return f"s3://{self._bucket}/{key}"

    def rules(self) -> "list[QueueConfigurationTypeDef]":
        """What the bucket has to tell the stream's queue."""
        filters: dict[str, list[FilterRuleTypeDef]] = {
            "raw": [
                {"Name": "prefix", "Value": self._layout.raw_prefix},
                {"Name": "suffix", "Value": ".gz"},
            ],
            "errors": [{"Name": "prefix", "Value": self._layout.errors_prefix}],
        }
        return [
            {
                "Id": f"{self.key}-{name}",
                "QueueArn": self._queue_arn,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": of}},
            }
            for name, of in filters.items()
        ]

    def _let_the_bucket_send(self, queue_url: str, queue_arn: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{self._bucket}"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._clients.sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})

    def _create_stream(self) -> None:
        settings = self._settings
        dates = "".join(
            f"{key}=!{{timestamp:{FIREHOSE_LETTERS[key]}}}/" for key in self._layout.partition_keys
        )
        self._clients.firehose.create_delivery_stream(
            DeliveryStreamName=self._stream,
            ExtendedS3DestinationConfiguration={
                "RoleARN": self._role,
                "BucketARN": f"arn:aws:s3:::{self._bucket}",
                "Prefix": f"{self._layout.raw_prefix}{dates}",
                "ErrorOutputPrefix": (
                    f"{self._layout.errors_prefix}!{{firehose:error-output-type}}/{dates}"
                ),
                "CompressionFormat": "GZIP",
                "BufferingHints": {
                    "SizeInMBs": settings.buffer_mib,
                    "IntervalInSeconds": settings.buffer_seconds,
                },
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [
                        {
                            "Type": "AppendDelimiterToRecord",
                            "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
                        }
                    ],
                },
            },
        )


def _layout(partition_keys: tuple[str, ...], prefix: str) -> Layout:
    own = Layout()
    return Layout(
        raw_prefix=f"{prefix}{own.raw_prefix}",
        processed_prefix=f"{prefix}{own.processed_prefix}",
        rejected_prefix=f"{prefix}{own.rejected_prefix}",
        manifests_prefix=f"{prefix}{own.manifests_prefix}",
        errors_prefix=f"{prefix}{own.errors_prefix}",
        partition_keys=partition_keys,
    )


def _empty_archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("README", "The sandbox runs the functions from the project's tree.\n")
    return content.getvalue()
