"""Write the policy of whoever deploys: `python -m dev.deployer_policy --account … --region …`."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from dev.deployer_policy.policy import CALLS_PATH, Lake, policies
from dev.deployer_policy.recorder import record


def main() -> None:
    """Write one file for each managed policy, or note anew what Terraform calls."""
    parser = argparse.ArgumentParser(prog="python -m dev.deployer_policy", description=__doc__)
    parser.add_argument("--record", action="store_true", help="apply and destroy on the local AWS")
    parser.add_argument("--account", help="number of the AWS account")
    parser.add_argument("--region", help="where the lake is to be")
    parser.add_argument("--name", default="clickstream", help="`name` of the lake")
    parser.add_argument("--database", default="clickstream", help="`database_name`")
    parser.add_argument("--bucket", default="", help="`bucket_name`, if it is set")
    parser.add_argument("--partition", default="aws", help="aws, aws-cn or aws-us-gov")
    parser.add_argument("--kms", action="store_true", help="with `kms_enabled`")
    parser.add_argument("--out", type=Path, help="directory; otherwise standard output")
    given = parser.parse_args()
    if given.record:
        with tempfile.TemporaryDirectory() as folder:
            found = record(Path(folder)).operations
        CALLS_PATH.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        print(f"wrote {CALLS_PATH}")
        return
    if not (given.account and given.region):
        parser.error("--account and --region are needed")
    lake = Lake(
        account=given.account,
        region=given.region,
        name=given.name,
        database=given.database,
        bucket=given.bucket,
        partition=given.partition,
    )
    for number, policy in enumerate(policies(lake, kms=given.kms), 1):
        text = json.dumps(policy, indent=2) + "\n"
        if given.out is None:
            sys.stdout.write(text)
            continue
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / f"deployer-{number}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
