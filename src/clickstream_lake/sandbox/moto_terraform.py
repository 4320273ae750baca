"""Where moto differs from AWS in ways that only Terraform notices: mended while a sandbox runs.

- SQS forgets `RedriveAllowPolicy`, keeps policies that were taken away as empty texts, and spells
  `RedrivePolicy` with spaces: the provider waits for ever, or sees drift.
- S3 reads a statement that denies plain HTTP as one that denies everything. The sandbox speaks
  plain HTTP inside one machine; here that counts as TLS.
- Athena cannot delete a saved query.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.athena.responses import AthenaResponse
from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.sqs.models import Queue

_PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}


@contextmanager
def terraform_fixes() -> Iterator[None]:
    """Mend moto until the context ends."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(Queue, "redrive_allow_policy", None, create=True))
        names = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
        stack.enter_context(patch.object(Queue, "BASE_ATTRIBUTES", names))
        attributes = property(_as_aws_spells_them(vars(Queue)["attributes"].fget))
        stack.enter_context(patch.object(Queue, "attributes", attributes))
        permitted = _over_tls(IAMPolicyStatement.is_action_permitted)
        stack.enter_context(patch.object(IAMPolicyStatement, "is_action_permitted", permitted))
        stack.enter_context(
            patch.object(AthenaResponse, "delete_named_query", _delete_named_query, create=True)
        )
        yield


def _as_aws_spells_them(attributes: Callable[..., Any]) -> Callable[..., Any]:
    def spelled(queue: Any) -> dict[str, Any]:  # noqa: ANN401 - moto's types
        found = {
            name: value for name, value in attributes(queue).items() if value not in ("", None)
        }
        if "RedrivePolicy" in found:
            policy = json.loads(found["RedrivePolicy"])
            found["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
        return found

    return spelled


def _over_tls(is_action_permitted: Callable[..., Any]) -> Callable[..., Any]:
    def permitted(statement: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - moto's types
        if statement._statement.get("Condition") == _PLAIN_HTTP:  # noqa: SLF001 - no other access
            return PermissionResult.NEUTRAL
        return is_action_permitted(statement, *args, **kwargs)

    return permitted


def _delete_named_query(response: Any) -> str:  # noqa: ANN401 - moto's types
    response.athena_backend.named_queries.pop(response._get_param("NamedQueryId"), None)  # noqa: SLF001 - no other access
    return "{}"
