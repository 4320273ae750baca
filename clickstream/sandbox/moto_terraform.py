"""Where moto differs from AWS in ways that only Terraform notices: mended while a sandbox runs.

- SQS forgets `RedriveAllowPolicy`, for which the provider then waits for ever.
- S3 reads a statement that denies plain HTTP as one that denies everything. The sandbox speaks
  plain HTTP inside one machine; here that counts as TLS.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from moto.iam.access_control import IAMPolicyStatement, PermissionResult
from moto.sqs.models import Queue

_PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}


@contextmanager
def terraform_fixes() -> Iterator[None]:
    """Mend moto until the context ends."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(Queue, "redrive_allow_policy", None, create=True))
        attributes = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
        stack.enter_context(patch.object(Queue, "BASE_ATTRIBUTES", attributes))
        permitted = _over_tls(IAMPolicyStatement.is_action_permitted)
        stack.enter_context(patch.object(IAMPolicyStatement, "is_action_permitted", permitted))
        yield


def _over_tls(is_action_permitted: Callable[..., Any]) -> Callable[..., Any]:
    def permitted(statement: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - moto's types
        if statement._statement.get("Condition") == _PLAIN_HTTP:  # noqa: SLF001 - no other access
            return PermissionResult.NEUTRAL
        return is_action_permitted(statement, *args, **kwargs)

    return permitted
