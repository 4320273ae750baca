"""What has to hold of a deployed lake: a table of pure functions over what was seen of it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from clickstream_lake import __version__
from clickstream_lake.operate.doctor.look import KINDS, NotSeenError, Seen

_ACTIONS: Final = {
    "plan": "compact_enabled",
    "cleanup": "cleanup_enabled",
    "audit": "audit_enabled",
}
"""What schedules ask of the compact function, and the variable that turns it on."""
_OF_FUNCTIONS: Final = {"errors", "throttles", "duration"}
"""Alarms that each function has; the runbook has one section for both."""
_FULL: Final = 0.8
_RUNBOOK: Final = "docs/runbook.md"
_APPLY: Final = "terraform plan shows what differs, and terraform apply mends it"


class Status(StrEnum):
    """What came of a check."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not right, and what to do about it."""

    found: str
    do: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `do` is empty where nothing has to be done."""

    check: str
    status: Status
    found: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that has to hold.

    Attributes:
        right: what is true if there is no problem.
        problems: everything that is not right.
    """

    name: str
    right: str
    problems: Callable[[Seen], Iterator[Problem]]


def examine(seen: Seen, checks: Sequence[Check] | None = None) -> list[Finding]:
    """Ask every check; one for which something was not read is unknown, and not wrong."""
    findings = []
    for check in CHECKS if checks is None else checks:
        try:
            problems = list(check.problems(seen))
        except NotSeenError as error:
            findings.append(Finding(check.name, Status.UNKNOWN, str(error)))
            continue
        findings += [
            Finding(check.name, Status.WRONG, problem.found, problem.do) for problem in problems
        ] or [Finding(check.name, Status.RIGHT, check.right)]
    return findings


def _functions_answer(seen: Seen) -> Iterator[Problem]:
    for kind in KINDS:
        name, answer = seen.deployment.function(kind), seen["answers"][kind]
        if "version" not in answer:
            error = f"{answer.get('errorType', '')}: {answer.get('errorMessage', answer)}"
            architecture = _architecture(seen["functions"][kind])
            yield Problem(
                f"{name} does not run: {error}",
                f"read its log; is its layer built for {architecture}? `make package`, apply again",
            )
            continue
        if kind == "transform" and not answer.get("kernel"):
            yield Problem(
                f"{name} runs without its C kernel, and takes ten times as long",
                "the warning `no kernel` in its log says why; `make package` builds it",
            )


def _architecture(configuration: Mapping[str, Any]) -> str:
    return str((configuration.get("Architectures") or ["x86_64"])[0])


def _versions_agree(seen: Seen) -> Iterator[Problem]:
    told = {
        seen.deployment.function(kind): seen["answers"][kind].get("version") for kind in KINDS
    } | {"this command": __version__}
    known = {name: version for name, version in told.items() if version}
    if len(set(known.values())) > 1:
        versions = ", ".join(f"{name} is {version}" for name, version in known.items())
        yield Problem(
            versions, "deploy both functions together, and use the command of that version"
        )


def _catalog_is_read(seen: Seen) -> Iterator[Problem]:
    for kind in KINDS:
        for table, obstacle in seen["answers"][kind].get("tables", {}).items():
            if obstacle:
                role = str(seen["functions"][kind].get("Role", "")).rpartition("/")[2]
                yield Problem(
                    f"{seen.deployment.function(kind)} does not see its {table} table: {obstacle}",
                    _way_to_the_catalog(seen, role),
                )


def _way_to_the_catalog(seen: Seen, role: str) -> str:
    try:
        catalog = seen["catalog"]
    except NotSeenError as error:
        return f"the role {role}, or the account's Glue settings, keep it out ({error})"
    if key := catalog["encryption"].get("SseAwsKmsKeyId"):
        return f"the catalog is encrypted: let the role {role} use kms:Decrypt on {key}"
    if '"Deny"' in catalog["policy"]:
        return f"the catalog has a resource policy that denies: take the role {role} out of it"
    return f"give the role {role} what terraform/iam.tf says, and with Lake Formation its grants"


def _concurrency_suffices(seen: Seen) -> Iterator[Problem]:
    account = seen["account"]
    wanted = 0
    for kind in KINDS:
        for mapping in seen["mappings"][kind]:
            wanted += (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency", 2)
    limit = account["UnreservedConcurrentExecutions"]
    if wanted + 1 > limit:
        yield Problem(
            f"the queues start up to {wanted} functions at once, and a schedule one; the account "
            f"has {limit} for all that reserve none (of {account['ConcurrentExecutions']})",
            "ask AWS for more (new accounts have 10), or lower transform_max_concurrency and "
            "compact_max_concurrency",
        )


def _queues_invoke(seen: Seen) -> Iterator[Problem]:
    settings = seen.deployment.config.compact
    for kind, url in (("transform", settings.transform_queue_url), ("compact", settings.queue_url)):
        name, mappings = seen.deployment.function(kind), seen["mappings"][kind]
        queue = url.rpartition("/")[2] or name
        mine = [each for each in mappings if each["EventSourceArn"].endswith(f":{queue}")]
        if not mine:
            yield Problem(f"the queue {queue} does not invoke {name}", _APPLY)
        for mapping in mine:
            if mapping["State"] not in {"Enabled", "Enabling", "Creating", "Updating"}:
                yield Problem(
                    f"the queue {queue} does not invoke {name}: {mapping['State']}",
                    "aws lambda update-event-source-mapping --enabled --uuid "
                    f"{mapping['UUID']}; what came meanwhile waits in the queue",
                )
            if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
                yield Problem(
                    f"{name} cannot say which messages failed: all of a batch come back", _APPLY
                )


def _bucket_notifies(seen: Seen) -> Iterator[Problem]:
    layout = seen.deployment.config.layout
    arns = {each["EventSourceArn"] for each in seen["mappings"]["transform"]}
    told = [
        (each["Events"], *_filter_of(each))
        for each in seen["notification"].get("QueueConfigurations", [])
        if each["QueueArn"] in arns
    ]
    for prefix, ending in ((layout.raw_prefix, ".gz"), (layout.errors_prefix, "")):
        if not any(
            "s3:ObjectCreated:*" in events and prefix.startswith(of) and ending.endswith(suffix)
            for events, of, suffix in told
        ):
            known = ", ".join(f"{'/'.join(e)} of {of}*{suffix}" for e, of, suffix in told)
            yield Problem(
                f"the bucket does not tell the transform's queue of every {prefix}*{ending}, "
                f"however it is made; it tells of {known or 'nothing'}",
                f"{_APPLY}; then `clickstream audit --repair`",
            )


def _filter_of(configuration: Mapping[str, Any]) -> tuple[str, str]:
    """The prefix and the suffix that a notification is limited to."""
    rules = configuration.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    filters = {rule["Name"].lower(): rule["Value"] for rule in rules}
    return filters.get("prefix", ""), filters.get("suffix", "")


def _queues_let_the_bucket_in(seen: Seen) -> Iterator[Problem]:
    bucket = seen.deployment.config.bucket
    for mapping in seen["mappings"]["transform"]:
        arn = mapping["EventSourceArn"]
        policy = json.loads(seen["queues"][arn].get("Policy") or "{}")
        if not any(_lets_in(each, bucket) for each in _list(policy.get("Statement", []))):
            yield Problem(
                f"the policy of the queue {arn.rpartition(':')[2]} does not let the bucket send",
                f"{_APPLY}; then `clickstream audit --repair`",
            )


def _lets_in(statement: Mapping[str, Any], bucket: str) -> bool:
    principal = statement.get("Principal", {})
    services = _list(principal.get("Service", [])) if isinstance(principal, dict) else [principal]
    sources = [
        value
        for test in statement.get("Condition", {}).values()
        for name, values in test.items()
        if name.lower() == "aws:sourcearn"
        for value in _list(values)
    ]
    return (
        statement["Effect"] == "Allow"
        and bool({"s3.amazonaws.com", "*"} & set(services))
        and bool(
            {"sqs:sendmessage", "sqs:*", "*"} & {a.lower() for a in _list(statement["Action"])}
        )
        and (not sources or any(source.rpartition(":")[2] in {bucket, "*"} for source in sources))
    )


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - a policy may have one or many of anything
    return list(value) if isinstance(value, list) else [value]


def _messages_come_back(seen: Seen) -> Iterator[Problem]:
    for kind in KINDS:
        timeout = int(seen["functions"][kind]["Timeout"])
        for mapping in seen["mappings"][kind]:
            arn = mapping["EventSourceArn"]
            name, attributes = arn.rpartition(":")[2], seen["queues"][arn]
            if int(attributes["VisibilityTimeout"]) < timeout:
                yield Problem(
                    f"messages of {name} come back after {attributes['VisibilityTimeout']} s, "
                    f"while the function may work on them for {timeout} s",
                    _APPLY,
                )
            if not attributes.get("RedrivePolicy"):
                yield Problem(f"{name} has no dead-letter queue", _APPLY)


def _schedules_tick(seen: Seen) -> Iterator[Problem]:
    found = {
        json.loads(each["Target"].get("Input") or "{}").get("action", "plan"): each
        for each in seen["schedules"]
    }
    for action, variable in _ACTIONS.items():
        if action not in found:
            yield Problem(f"no schedule asks for {action}", _APPLY)
        elif found[action]["State"] != "ENABLED":
            yield Problem(
                f"the schedule {found[action]['Name']} is off",
                f"{variable} = true, unless it is meant to be off",
            )


def _stream_delivers(seen: Seen) -> Iterator[Problem]:
    stream, layout = seen["stream"], seen.deployment.config.layout
    if stream["DeliveryStreamStatus"] != "ACTIVE":
        yield Problem(f"the stream is {stream['DeliveryStreamStatus']}", "see its log group")
    for destination in stream["Destinations"]:
        s3 = destination.get("ExtendedS3DestinationDescription", {})
        prefix = s3.get("Prefix", "")
        if not prefix.startswith(layout.raw_prefix):
            yield Problem(f"it writes to {prefix}, and raw objects are {layout.raw_prefix}", _APPLY)
        elif tuple(_keys_of(prefix.removeprefix(layout.raw_prefix))) != layout.partition_keys:
            yield Problem(
                f"it writes to {prefix}, and the partition keys are "
                f"{', '.join(layout.partition_keys)}: the transform refuses such objects",
                _APPLY,
            )
        if s3.get("CompressionFormat") != "GZIP":
            yield Problem("it does not write gzip, so no object's name ends in .gz", _APPLY)


def _keys_of(path: str) -> Iterator[str]:
    for segment in path.split("/"):
        name, equals, _ = segment.partition("=")
        if equals:
            yield name


def _alarms_are_quiet(seen: Seen) -> Iterator[Problem]:
    for alarm in seen["alarms"]:
        section = alarm["AlarmName"].removeprefix(f"{seen.deployment.stream}-")
        of_function = section.rpartition("-")[2]
        place = of_function if of_function in _OF_FUNCTIONS else section
        if alarm["StateValue"] == "ALARM":
            yield Problem(f"{alarm['AlarmName']} is on", f"{_RUNBOOK}#{place}")
        if not alarm.get("ActionsEnabled", True):
            yield Problem(
                f"{alarm['AlarmName']} tells nobody",
                f"aws cloudwatch enable-alarm-actions --alarm-names {alarm['AlarmName']}",
            )


def _nothing_expires(seen: Seen) -> Iterator[Problem]:
    layout = seen.deployment.config.layout
    kept = (layout.processed_prefix, layout.manifests_prefix)
    for rule in seen["lifecycle"]:
        if rule["Status"] != "Enabled" or not (
            {"Days", "Date"} & rule.get("Expiration", {}).keys()
        ):
            continue
        prefix, name = _prefix_of(rule), rule.get("ID", "")
        hit = [each for each in kept if each.startswith(prefix) or prefix.startswith(each)]
        # A rule of just the raw zone is its retention; one that reaches further is not.
        if layout.raw_prefix.startswith(prefix) and prefix != layout.raw_prefix:
            hit.append(layout.raw_prefix)
        if hit:
            yield Problem(
                f"the lifecycle rule {name!r} deletes what is below {', '.join(hit)}",
                "narrow its filter: the lake's own clean-up deletes what is no longer needed",
            )


def _prefix_of(rule: Mapping[str, Any]) -> str:
    found = rule.get("Filter") or {}
    prefix = found.get("Prefix", found.get("And", {}).get("Prefix", rule.get("Prefix", "")))
    return str(prefix)


def _partitions_match(seen: Seen) -> Iterator[Problem]:
    for table in seen["tables"].values():
        columns = table["columns"]
        other = {
            values: sorted(
                f"{name} {kind}"
                for name, kind in found.items()
                if name in columns and columns[name] != kind
            )
            for values, found in table["partitions"].items()
        }
        wrong = {values: names for values, names in other.items() if names}
        if wrong:
            last = max(wrong)
            yield Problem(
                f"{len(wrong)} of {len(other)} partitions of {table['name']} have a column of "
                f"another type ({last}: {', '.join(wrong[last])}): queries that read it may fail",
                "clickstream compact --force --partition …, for each (docs/schema-changes.md)",
            )


def _columns_are_hidden(seen: Seen) -> Iterator[Problem]:
    """In a hybrid location the readers are opted in; in any other nobody reads by IAM alone."""
    grants, location = seen["permissions"], seen["location"]
    readers = {
        grant["Principal"]["DataLakePrincipalIdentifier"]
        for grant in grants
        if _excluded(grant["Resource"])
    }
    if location.get("HybridAccessEnabled"):
        opted = {each["Principal"]["DataLakePrincipalIdentifier"] for each in seen["opt_ins"]}
        for reader in sorted(readers - opted):
            yield Problem(
                f"{reader} has not been opted in, so IAM alone decides what it reads",
                f"{_APPLY} (lake_formation_readers)",
            )
        return
    if not location and not readers:
        return
    if not location:
        yield Problem("Lake Formation does not know the bucket, and hides nothing in it", _APPLY)
    for grant in grants:
        if grant["Principal"]["DataLakePrincipalIdentifier"] == "IAM_ALLOWED_PRINCIPALS":
            yield Problem(
                f"{_name_of(grant['Resource'])} is open to IAM_ALLOWED_PRINCIPALS: whoever has "
                "IAM's permissions reads all columns",
                "run the commands of `terraform output lake_formation_revokes`, or "
                "aws lakeformation revoke-permissions --principal "
                "DataLakePrincipalIdentifier=IAM_ALLOWED_PRINCIPALS --permissions "
                f"{' '.join(grant['Permissions'])} --resource '{json.dumps(grant['Resource'])}'",
            )


def _excluded(resource: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a list, or nothing
    wildcard = resource.get("TableWithColumns", {}).get("ColumnWildcard") or {}
    return wildcard.get("ExcludedColumnNames")


def _name_of(resource: Mapping[str, Any]) -> str:
    kind, described = next(iter(resource.items()))
    return f"{kind.lower()} {described.get('Name', '')}"


def _quotas_suffice(seen: Seen) -> Iterator[Problem]:
    partitions = sum(len(table["partitions"]) for table in seen["tables"].values())
    for text, used, what in (
        ("partitions per table", partitions // 2, "partitions of a table"),
        ("delivery streams", seen["streams"], "Firehose streams"),
    ):
        for name, limit in seen["quotas"].items():
            if text in name.lower() and used > _FULL * limit:
                yield Problem(
                    f"{used:,} {what}, and the quota is {limit:,.0f} ({name})",
                    "ask for more in Service Quotas",
                )


CHECKS: Final[tuple[Check, ...]] = (
    Check("functions", "both functions load and answer", _functions_answer),
    Check("versions", "functions and command have one version", _versions_agree),
    Check("catalog", "both functions see their tables", _catalog_is_read),
    Check("concurrency", "the account lets as many functions run", _concurrency_suffices),
    Check("stream", "Firehose writes raw objects where they belong", _stream_delivers),
    Check("notification", "the bucket tells of every raw object", _bucket_notifies),
    Check("queue policy", "the queue lets the bucket send", _queues_let_the_bucket_in),
    Check("event source", "the queues invoke the functions", _queues_invoke),
    Check("queues", "messages come back, and dead letters are kept", _messages_come_back),
    Check("schedules", "compaction, clean-up and audit are scheduled", _schedules_tick),
    Check("lifecycle", "no rule deletes data or manifests", _nothing_expires),
    Check("partitions", "columns have one type everywhere", _partitions_match),
    Check("lake formation", "what is to be hidden is hidden", _columns_are_hidden),
    Check("alarms", "no alarm is on", _alarms_are_quiet),
    Check("quotas", "Glue and Firehose have room", _quotas_suffice),
)
