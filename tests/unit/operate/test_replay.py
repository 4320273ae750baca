import boto3
from moto import mock_aws

from clickstream_lake.operate.replay import RawObject, raw_objects


def test_only_gzip_objects_under_the_prefix_are_found() -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        for key in ("raw/day=26/a.gz", "raw/day=26/b.txt", "raw/day=27/c.gz"):
            s3.put_object(Bucket="lake", Key=key, Body=b"12")
        assert list(raw_objects(s3, "lake", "raw/day=26/")) == [RawObject("raw/day=26/a.gz", 2)]
