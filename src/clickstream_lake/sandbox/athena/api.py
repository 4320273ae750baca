"""The Athena API over the local engine: what an Athena client sends, answered as Athena does.

Only the operations around query executions are answered here; workgroups, named queries and the
rest stay with whatever serves the other operations.
"""

from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.athena.executions import Execution, Executions
from clickstream_lake.sandbox.athena.results import page, publish
from clickstream_lake.sandbox.athena.statements.bind import bind_parameters
from clickstream_lake.sandbox.errors import ApiError, QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.athena.engine import QueryEngine

_PREFIX = "AmazonAthena."
_MAX_ROWS = 1000
_MAX_LISTED = 50
_PRIMARY = "primary"

Payload = dict[str, Any]


class AthenaApi:
    """Answers Athena's query operations; safe to use from several threads."""

    def __init__(self, *, engine: "QueryEngine", s3: "S3Client", athena: "AthenaClient") -> None:
        """Serve one engine.

        Args:
            engine: runs the statements.
            s3: takes the result files.
            athena: knows the workgroups; it never gets the calls that this class answers itself.
        """
        self._athena = athena
        self._executions = Executions(engine, lambda execution: publish(execution, s3))
        self._operations: dict[str, Callable[[Payload], Payload]] = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._get,
            "BatchGetQueryExecution": self._batch_get,
            "StopQueryExecution": self._stop,
            "ListQueryExecutions": self._list,
            "GetQueryResults": self._results,
            "GetQueryRuntimeStatistics": self._runtime_statistics,
        }

    def handles(self, target: str) -> bool:
        """Tell whether this `X-Amz-Target` is answered here."""
        return target.startswith(_PREFIX) and target.removeprefix(_PREFIX) in self._operations

    def call(self, target: str, payload: Payload) -> Payload:
        """Answer one request.

        Raises:
            ApiError: Athena would refuse it.
        """
        return self._operations[target.removeprefix(_PREFIX)](payload)

    def close(self) -> None:
        """Wait for the queries that run."""
        self._executions.close()

    def _start(self, payload: Payload) -> Payload:
        context = payload.get("QueryExecutionContext") or {}
        workgroup = payload.get("WorkGroup") or _PRIMARY
        parameters = list(payload.get("ExecutionParameters") or [])
        query = payload.get("QueryString") or ""
        if not query.strip():
            raise _invalid("QueryString must not be empty")
        execution = Execution(
            query=query,
            database=context.get("Database") or "default",
            catalog=context.get("Catalog") or "awsdatacatalog",
            workgroup=workgroup,
            output=self._output(workgroup, payload),
            parameters=parameters,
        )
        try:
            sql = bind_parameters(query, parameters)
        except QueryError as error:
            raise _invalid(str(error)) from error
        started = self._executions.start(execution, payload.get("ClientRequestToken"), sql)
        return {"QueryExecutionId": started}

    def _output(self, workgroup: str, payload: Payload) -> str:
        """Find where results go: a workgroup that enforces its settings overrules the request."""
        try:
            answer = self._athena.get_work_group(WorkGroup=workgroup)
        except self._athena.exceptions.ClientError as error:
            raise _invalid(f"WorkGroup {workgroup} is not found.") from error
        found = answer.get("WorkGroup")
        if not found:  # moto's way to say that there is none
            raise _invalid(f"WorkGroup {workgroup} is not found.")
        if found.get("State") == "DISABLED":
            raise _invalid(f"WorkGroup {workgroup} is disabled.")
        configuration = found.get("Configuration", {})
        own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        asked = (payload.get("ResultConfiguration") or {}).get("OutputLocation")
        enforced = own and configuration.get("EnforceWorkGroupConfiguration")
        location = own if enforced else asked or own
        if not location:
            raise _invalid(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        if not location.startswith("s3://"):
            raise _invalid(f"outputLocation is not a valid S3 path: {location}")
        return location if location.endswith("/") else f"{location}/"

    def _get(self, payload: Payload) -> Payload:
        return {"QueryExecution": self._find(payload).describe()}

    def _batch_get(self, payload: Payload) -> Payload:
        asked = payload.get("QueryExecutionIds") or []
        if not 0 < len(asked) <= _MAX_LISTED:
            raise _invalid(f"1 to {_MAX_LISTED} QueryExecutionIds are needed, not {len(asked)}")
        found = {name: self._executions.get(name) for name in asked}
        return {
            "QueryExecutions": [one.describe() for one in found.values() if one],
            "UnprocessedQueryExecutionIds": [
                {
                    "QueryExecutionId": name,
                    "ErrorCode": "INVALID_QUERY_EXECUTION_ID",
                    "ErrorMessage": f"Query execution {name} was not found",
                }
                for name, one in found.items()
                if one is None
            ],
        }

    def _stop(self, payload: Payload) -> Payload:
        self._executions.stop(self._find(payload))
        return {}

    def _list(self, payload: Payload) -> Payload:
        everything = self._executions.of_workgroup(payload.get("WorkGroup") or _PRIMARY)
        start = _position(payload.get("NextToken"))
        end = start + _count(payload.get("MaxResults"), _MAX_LISTED)
        answer: Payload = {"QueryExecutionIds": [one.id for one in everything[start:end]]}
        return answer | ({"NextToken": str(end)} if end < len(everything) else {})

    def _results(self, payload: Payload) -> Payload:
        execution = self._find(payload)
        if not execution.is_final:
            raise _invalid(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise _invalid(
                f"Query did not finish successfully. Final query state: {execution.state}"
            )
        start = _position(payload.get("NextToken"))
        result_set, following = page(execution, start, _count(payload.get("MaxResults"), _MAX_ROWS))
        written = execution.result.update_count if execution.result else 0
        answer: Payload = {"UpdateCount": written, "ResultSet": result_set}
        return answer | ({} if following is None else {"NextToken": str(following)})

    def _runtime_statistics(self, payload: Payload) -> Payload:
        execution = self._find(payload)
        statistics = execution.describe()["Statistics"]
        timeline = {name: value for name, value in statistics.items() if name.endswith("Millis")}
        rows = execution.result.table.num_rows if execution.result else 0
        return {
            "QueryRuntimeStatistics": {
                "Timeline": timeline,
                "Rows": {"InputBytes": statistics["DataScannedInBytes"], "OutputRows": rows},
            }
        }

    def _find(self, payload: Payload) -> Execution:
        name = payload.get("QueryExecutionId") or ""
        execution = self._executions.get(name)
        if execution is None:
            raise _invalid(f"QueryExecution {name} was not found")
        return execution


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidRequestException", message)


def _position(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise _invalid(f"NextToken {token} is not valid")
    return int(token)


def _count(asked: int | None, most: int) -> int:
    if asked is None:
        return most
    if not 1 <= asked <= most:
        raise _invalid(f"MaxResults is between 1 and {most}, not {asked}")
    return asked
