"""The Athena API over the local engine: what an Athena client sends, answered as Athena does.

Query executions are answered here; what there is to know, to prepare and to save has modules of its
own. Nothing else answers for Athena: what none of them knows is in no sandbox.
"""

import threading
from typing import TYPE_CHECKING

from clickstream_lake.sandbox.athena.executions import Execution, Executions
from clickstream_lake.sandbox.athena.metadata import Metadata
from clickstream_lake.sandbox.athena.named_queries import NamedQueries
from clickstream_lake.sandbox.athena.prepared import PreparedStatements
from clickstream_lake.sandbox.athena.requests import (
    Operations,
    Payload,
    batch,
    count,
    invalid,
    page,
    position,
)
from clickstream_lake.sandbox.athena.results import page as page_of_rows
from clickstream_lake.sandbox.athena.results import publish
from clickstream_lake.sandbox.athena.statements.bind import bind_parameters
from clickstream_lake.sandbox.athena.workgroups import PRIMARY, Workgroups
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.athena.engines import Engine

_PREFIX = "AmazonAthena."
_MAX_ROWS = 1000


class AthenaApi:
    """Answers Athena's operations; safe to use from several threads."""

    def __init__(self, *, engine: "Engine", s3: "S3Client", glue: "GlueClient") -> None:
        """Serve one engine.

        Args:
            engine: runs the statements.
            s3: takes the result files.
            glue: knows the databases and tables.
        """
        self._workgroups = Workgroups()
        prepared = PreparedStatements(self._workgroups)
        self._executions = Executions(engine, lambda execution: publish(execution, s3), prepared)
        self._lock = threading.Lock()
        parts = (
            self._workgroups,
            NamedQueries(self._workgroups),
            prepared,
            Metadata(glue),
        )
        self._operations: Operations = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._get,
            "BatchGetQueryExecution": self._batch_get,
            "StopQueryExecution": self._stop,
            "ListQueryExecutions": self._list,
            "GetQueryResults": self._results,
            "GetQueryRuntimeStatistics": self._runtime_statistics,
        }
        for part in parts:
            self._operations |= {
                name: self._locked(operation) for name, operation in part.operations.items()
            }

    def handles(self, target: str) -> bool:
        """Tell whether this `X-Amz-Target` is answered here."""
        return target.startswith(_PREFIX)

    def call(self, target: str, payload: Payload) -> Payload:
        """Answer one request.

        Raises:
            ApiError: Athena would refuse it.
            NotImplementedError: there is no such operation here.
        """
        operation = self._operations.get(target.removeprefix(_PREFIX))
        if operation is None:
            raise NotImplementedError(target)
        return operation(payload)

    def _locked(self, operation: "Callable[[Payload], Payload]") -> "Callable[[Payload], Payload]":
        def alone(payload: Payload) -> Payload:
            with self._lock:
                return operation(payload)

        return alone

    def close(self) -> None:
        """Stop the queries that run."""
        self._executions.close()

    def _start(self, payload: Payload) -> Payload:
        context = payload.get("QueryExecutionContext") or {}
        workgroup = payload.get("WorkGroup") or PRIMARY
        parameters = list(payload.get("ExecutionParameters") or [])
        query = payload.get("QueryString") or ""
        if not query.strip():
            raise invalid("QueryString must not be empty")
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
            raise invalid(str(error)) from error
        started = self._executions.start(execution, payload.get("ClientRequestToken"), sql)
        return {"QueryExecutionId": started}

    def _output(self, workgroup: str, payload: Payload) -> str:
        """Find where results go: a workgroup that enforces its settings overrules the request."""
        found = self._workgroups.get(workgroup)
        if found.get("State") == "DISABLED":
            raise invalid(f"WorkGroup {workgroup} is disabled.")
        configuration = found.get("Configuration", {})
        own = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        asked = (payload.get("ResultConfiguration") or {}).get("OutputLocation")
        enforced = own and configuration.get("EnforceWorkGroupConfiguration")
        location = own if enforced else asked or own
        if not location:
            raise invalid(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        if not location.startswith("s3://"):
            raise invalid(f"outputLocation is not a valid S3 path: {location}")
        return location if location.endswith("/") else f"{location}/"

    def _get(self, payload: Payload) -> Payload:
        return {"QueryExecution": self._find(payload).describe()}

    def _batch_get(self, payload: Payload) -> Payload:

        def described(name: str) -> Payload | None:
            execution = self._executions.get(name)
            return execution.describe() if execution else None

        return batch(payload, "QueryExecutionIds", described, "QueryExecutions", "QueryExecutionId")

    def _stop(self, payload: Payload) -> Payload:
        self._executions.stop(self._find(payload))
        return {}

    def _list(self, payload: Payload) -> Payload:
        workgroup = payload.get("WorkGroup") or PRIMARY
        self._workgroups.get(workgroup)
        names = [one.id for one in self._executions.of_workgroup(workgroup)]
        return page(payload, "QueryExecutionIds", names)

    def _results(self, payload: Payload) -> Payload:
        execution = self._find(payload)
        if not execution.is_final:
            raise invalid(f"Query has not yet finished. Current state: {execution.state}")
        if execution.state != "SUCCEEDED":
            raise invalid(
                f"Query did not finish successfully. Final query state: {execution.state}"
            )
        start = position(payload.get("NextToken"))
        result_set, following = page_of_rows(
            execution, start, count(payload.get("MaxResults"), _MAX_ROWS)
        )
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
            raise invalid(f"QueryExecution {name} was not found")
        return execution
