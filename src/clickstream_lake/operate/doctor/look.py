"""Read what AWS says about one deployed lake, and change nothing.

What may not be read, or what the stand-in does not know, is noted in its place: the checks that
need it then know nothing, and the others go on.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS

KINDS: Final = ("transform", "compact")
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)


class NotSeenError(ToolkitError):
    """Something was not read; the message says why, and what to grant."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployed lake.

    Attributes:
        stream: what its functions and alarms are named after: its Firehose stream, or the name of a
            family that events of one are routed to.
        config: its settings, as its compact function has them.
        tables: Glue table name by format, and "rejects".
        source: the Firehose stream of a family that events are routed to.
    """

    stream: str
    config: Config
    tables: Mapping[str, str]
    source: str = ""

    @property
    def firehose(self) -> str:
        """The Firehose stream that its events come by."""
        return self.source or self.stream

    def function(self, kind: str) -> str:
        """The name of its transform or compact function."""
        return f"{self.firehose if kind == 'transform' else self.stream}-{kind}"


@dataclass(frozen=True, slots=True)
class Seen:
    """AWS's answers by the names of `READS`."""

    deployment: Deployment
    answers: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - AWS's answers, each of its own shape
        """One answer.

        Raises:
            NotSeenError: it was not read.
        """
        answer = self.answers[name]
        if isinstance(answer, NotSeenError):
            raise answer
        return answer


Client = Callable[[str], Any]
"""Makes the client of a service."""
Read = Callable[[Client, Seen], Any]


def look(client: Client, deployment: Deployment) -> Seen:
    """Read everything that checks want to know."""
    seen = Seen(deployment)
    for name, (permissions, read) in READS.items():
        try:
            seen.answers[name] = read(client, seen)
        except NotSeenError as error:
            seen.answers[name] = error
        except ClientError as error:
            seen.answers[name] = _not_seen(error, permissions)
    return seen


def _not_seen(error: ClientError, permissions: tuple[str, ...]) -> NotSeenError:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code in _DENIED:
        return NotSeenError(f"not allowed to look: grant {', '.join(permissions)}")
    return NotSeenError(f"could not look: {error.operation_name}: {message} ({code})")


def _functions(client: Client, seen: Seen) -> dict[str, Any]:
    ask = client("lambda").get_function_configuration
    return {kind: ask(FunctionName=seen.deployment.function(kind)) for kind in KINDS}


def _answers(client: Client, seen: Seen) -> dict[str, Any]:
    """What each function answers to a request for its versions; `errorMessage` if it fails."""
    told = {}
    for kind in KINDS:
        answer = client("lambda").invoke(
            FunctionName=seen.deployment.function(kind), Payload=b'{"action":"versions"}'
        )
        told[kind] = json.loads(answer["Payload"].read())
    return told


def _account(client: Client, seen: Seen) -> dict[str, Any]:
    del seen
    limits: dict[str, Any] = client("lambda").get_account_settings()["AccountLimit"]
    return limits


def _mappings(client: Client, seen: Seen) -> dict[str, list[Any]]:
    ask = client("lambda").list_event_source_mappings
    return {
        kind: ask(FunctionName=seen.deployment.function(kind))["EventSourceMappings"]
        for kind in KINDS
    }


def _notification(client: Client, seen: Seen) -> dict[str, Any]:
    bucket = seen.deployment.config.bucket
    found: dict[str, Any] = client("s3").get_bucket_notification_configuration(Bucket=bucket)
    return found


def _queues(client: Client, seen: Seen) -> dict[str, dict[str, str]]:
    """Attributes by ARN, of the queues that the functions are mapped to."""
    sqs = client("sqs")
    found = {}
    for arn in {each["EventSourceArn"] for kind in KINDS for each in seen["mappings"][kind]}:
        url = sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        found[arn] = asked["Attributes"]
    return found


def _lifecycle(client: Client, seen: Seen) -> list[Any]:
    try:
        asked = client("s3").get_bucket_lifecycle_configuration(
            Bucket=seen.deployment.config.bucket
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchLifecycleConfiguration":
            return []
        raise
    rules: list[Any] = asked["Rules"]
    return rules


def _stream(client: Client, seen: Seen) -> dict[str, Any]:
    asked = client("firehose").describe_delivery_stream(DeliveryStreamName=seen.deployment.firehose)
    described: dict[str, Any] = asked["DeliveryStreamDescription"]
    return described


def _schedules(client: Client, seen: Seen) -> list[Any]:
    """The schedules that invoke the compact function."""
    scheduler = client("scheduler")
    arn = seen["functions"]["compact"]["FunctionArn"]
    return [
        scheduler.get_schedule(Name=each["Name"], GroupName=each["GroupName"])
        for page in scheduler.get_paginator("list_schedules").paginate()
        for each in page["Schedules"]
        if each["Target"]["Arn"] == arn
    ]


def _alarms(client: Client, seen: Seen) -> list[Any]:
    prefix = f"{seen.deployment.stream}-"
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def _tables(client: Client, seen: Seen) -> dict[str, Any]:
    """By format: the table's columns as name -> type, and those of each partition, by values."""
    glue, database = client("glue"), seen.deployment.config.database
    found: dict[str, Any] = {}
    for fmt in FORMATS:
        name = seen.deployment.tables[fmt]
        table = glue.get_table(DatabaseName=database, Name=name)["Table"]
        pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=name)
        partitions = {
            "/".join(each["Values"]): _types(each) for page in pages for each in page["Partitions"]
        }
        found[fmt] = {"name": name, "columns": _types(table), "partitions": partitions}
    return found


def _types(described: Mapping[str, Any]) -> dict[str, str]:
    columns = described["StorageDescriptor"].get("Columns", [])
    return {column["Name"].lower(): column["Type"] for column in columns}


def _catalog(client: Client, seen: Seen) -> dict[str, Any]:
    """How the account's Glue catalog is encrypted, and its resource policy, if there is one."""
    del seen
    glue = client("glue")
    encryption = glue.get_data_catalog_encryption_settings()["DataCatalogEncryptionSettings"]
    try:
        policy = glue.get_resource_policy().get("PolicyInJson") or ""
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
        policy = ""
    return {"encryption": encryption.get("EncryptionAtRest") or {}, "policy": policy}


def _permissions(client: Client, seen: Seen) -> list[Any]:
    """Lake Formation's grants on the database and its tables, whole or without some columns."""
    database, tables = seen.deployment.config.database, set(seen.deployment.tables.values())
    return [
        grant
        for kind in ("DATABASE", "TABLE")
        for grant in _pages(client("lakeformation").list_permissions, kind)
        for described in grant["Resource"].values()
        if (kind == "DATABASE" and described.get("Name") == database)
        or (described.get("DatabaseName") == database and described.get("Name") in {*tables, None})
    ]


def _pages(ask: Callable[..., Any], kind: str) -> Iterator[Any]:
    token: dict[str, str] = {}
    while True:
        page = ask(ResourceType=kind, **token)
        yield from page["PrincipalResourcePermissions"]
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _location(client: Client, seen: Seen) -> dict[str, Any]:
    """How Lake Formation knows the bucket; empty if it does not."""
    arn = f"arn:{_partition(seen)}:s3:::{seen.deployment.config.bucket}"
    try:
        asked = client("lakeformation").describe_resource(ResourceArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
        return {}
    info: dict[str, Any] = asked["ResourceInfo"]
    return info


def _partition(seen: Seen) -> str:
    """AWS's partition: `aws`, `aws-cn`, `aws-us-gov`."""
    return str(seen["functions"]["compact"]["FunctionArn"].split(":")[1])


def _opt_ins(client: Client, seen: Seen) -> list[Any]:
    """Who was opted in to Lake Formation, where a hybrid location makes that matter."""
    if not seen["location"].get("HybridAccessEnabled"):
        return []
    pages = client("lakeformation").list_lake_formation_opt_ins()
    found: list[Any] = pages["LakeFormationOptInsInfoList"]
    while pages.get("NextToken"):
        pages = client("lakeformation").list_lake_formation_opt_ins(NextToken=pages["NextToken"])
        found += pages["LakeFormationOptInsInfoList"]
    return found


def _quotas(client: Client, seen: Seen) -> dict[str, float]:
    """By name, those of Glue and Firehose that a lake comes near to."""
    del seen
    quotas = client("service-quotas")
    return {
        quota["QuotaName"]: quota["Value"]
        for service in ("glue", "firehose")
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode=service)
        for quota in page["Quotas"]
    }


def _streams(client: Client, seen: Seen) -> int:
    """How many Firehose streams the region has."""
    del seen
    firehose, names = client("firehose"), list[str]()
    while True:
        start = {"ExclusiveStartDeliveryStreamName": names[-1]} if names else {}
        page = firehose.list_delivery_streams(**start)
        names += page["DeliveryStreamNames"]
        if not page["HasMoreDeliveryStreams"]:
            return len(names)


# In this order: later ones use what earlier ones found.
READS: Final[Mapping[str, tuple[tuple[str, ...], Read]]] = {
    "functions": (("lambda:GetFunctionConfiguration",), _functions),
    "answers": (("lambda:InvokeFunction",), _answers),
    "account": (("lambda:GetAccountSettings",), _account),
    "mappings": (("lambda:ListEventSourceMappings",), _mappings),
    "notification": (("s3:GetBucketNotification",), _notification),
    "queues": (("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), _queues),
    "lifecycle": (("s3:GetLifecycleConfiguration",), _lifecycle),
    "stream": (("firehose:DescribeDeliveryStream",), _stream),
    "schedules": (("scheduler:GetSchedule", "scheduler:ListSchedules"), _schedules),
    "alarms": (("cloudwatch:DescribeAlarms",), _alarms),
    "tables": (("glue:GetPartitions", "glue:GetTable"), _tables),
    "catalog": (
        ("glue:GetDataCatalogEncryptionSettings", "glue:GetResourcePolicy"),
        _catalog,
    ),
    "permissions": (("lakeformation:ListPermissions",), _permissions),
    "location": (("lakeformation:DescribeResource",), _location),
    "opt_ins": (("lakeformation:ListLakeFormationOptIns",), _opt_ins),
    "quotas": (("servicequotas:ListServiceQuotas",), _quotas),
    "streams": (("firehose:ListDeliveryStreams",), _streams),
}
PERMISSIONS: Final = sorted({name for names, _ in READS.values() for name in names})
"""Everything that a doctor has to be allowed."""
