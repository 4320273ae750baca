"""boto3 clients of the sandbox, each made when it is first asked for."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from clickstream_lake.sandbox.resources import REGION, Credentials

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_sqs import SQSClient

# boto3's own check is a fifth of the cost of a call with 500 records, and Firehose checks anyway.
_UNCHECKED = frozenset({"firehose"})
# Enough connections for the pollers, Firehose's delivery and the demo at once.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
)


class Clients:
    """One session on one endpoint. Clients may be used from any thread."""

    def __init__(self, endpoint: str, credentials: Credentials, region: str = REGION) -> None:
        self.endpoint = endpoint
        self.credentials = credentials
        self.region = region
        variables = credentials.environment(region)
        self._session = boto3.Session(
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
            region_name=region,
        )
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 types clients one by one
        """The client of any service, by boto3's name."""
        if service not in self._made:
            # boto3's stubs require a literal.
            make: Any = self._session.client
            config = _CONFIG
            if service in _UNCHECKED:
                config = config.merge(Config(parameter_validation=False))
            self._made[service] = make(service, endpoint_url=self.endpoint, config=config)
        return self._made[service]

    def close(self) -> None:
        """Close all connections."""
        for client in self._made.values():
            client.close()
        self._made.clear()

    @cached_property
    def athena(self) -> "AthenaClient":
        """Athena."""
        return self.client("athena")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def firehose(self) -> "FirehoseClient":
        """Firehose."""
        return self.client("firehose")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return self.client("lambda")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def glue(self) -> "GlueClient":
        """Glue."""
        return self.client("glue")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self.client("s3")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def scheduler(self) -> "EventBridgeSchedulerClient":
        """EventBridge Scheduler."""
        return self.client("scheduler")  # type: ignore[no-any-return]  # typed by the property

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return self.client("sqs")  # type: ignore[no-any-return]  # typed by the property
