"""S3 as pyarrow's own reader sees it; apart, because the functions do without."""

import boto3
from pyarrow.fs import S3FileSystem

from clickstream_lake.lake.aws.clients import s3_client


def arrow_filesystem() -> S3FileSystem:
    """S3 by keys such as `bucket/key`, with boto3's credentials, region and endpoint.

    The credentials are those of this moment: who reads for longer than they last, opens it again.
    """
    client = s3_client()
    region, endpoint = client.meta.region_name, client.meta.endpoint_url
    credentials = boto3.DEFAULT_SESSION.get_credentials() if boto3.DEFAULT_SESSION else None
    if credentials is None:
        return S3FileSystem(region=region)
    frozen = credentials.get_frozen_credentials()
    return S3FileSystem(
        access_key=frozen.access_key,
        secret_key=frozen.secret_key,
        session_token=frozen.token,
        region=region,
        # Arrow finds AWS's own endpoints by the region.
        endpoint_override=None if ".amazonaws.com" in endpoint else endpoint,
    )
