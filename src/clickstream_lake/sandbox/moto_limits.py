"""What AWS refuses or shares where moto does not, while a sandbox runs.

- S3 takes ten tags of an object.
- The name of a signing profile is never free again: to cancel the profile is all that can be done.
- Dashboards are the account's, whatever the region.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from moto.cloudwatch.models import CloudWatchBackend, Dashboard, cloudwatch_backends
from moto.core.exceptions import JsonRESTError
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response
from moto.signer.models import SignerBackend

_MOST_OBJECT_TAGS: Final = 10
_HOME: Final = "us-east-1"  # the region that holds what regions share


def moto_limits() -> Iterator[AbstractContextManager[object]]:
    """The fixes, each until its context ends."""
    for name in ("_tagging_from_headers", "_tagging_from_xml"):
        yield patch.object(S3Response, name, _ten_at_most(getattr(S3Response, name)))
    put_profile = _once(SignerBackend.put_signing_profile)
    yield patch.object(SignerBackend, "put_signing_profile", put_profile)
    shared = property(_dashboards_of_the_account, _ignore)
    yield patch.object(CloudWatchBackend, "dashboards", shared, create=True)


def _ten_at_most(tagging: Callable[..., dict[str, str]]) -> Callable[..., dict[str, str]]:
    def counted(*args: Any, **kwargs: Any) -> dict[str, str]:  # noqa: ANN401 - passes moto's own types through
        tags = tagging(*args, **kwargs)
        if len(tags) > _MOST_OBJECT_TAGS:
            raise S3ClientError("BadRequest", "Object tags cannot be greater than 10")
        return tags

    return counted


def _once(put: Callable[..., Any]) -> Callable[..., Any]:
    def putting(backend: SignerBackend, profile_name: str, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the same
        if profile_name in backend.signing_profiles:
            raise JsonRESTError(
                "ValidationException", f"Profile {profile_name} already exists for this account"
            )
        return put(backend, profile_name, *args, **kwargs)

    return putting


def _dashboards_of_the_account(backend: CloudWatchBackend) -> dict[str, Dashboard]:
    home = cloudwatch_backends[backend.account_id][_HOME]
    shared: dict[str, Dashboard] = vars(home).setdefault("dashboards_of_the_account", {})
    return shared


def _ignore(backend: CloudWatchBackend, value: object) -> None:
    del backend, value
