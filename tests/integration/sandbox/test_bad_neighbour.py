"""A raw object that takes longer than the function may run, in a batch with others."""

import gzip
import json
from typing import Any

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox

DAY = "year=2025/month=11/day=26"


@pytest.mark.slow
def test_it_goes_back_alone_before_the_function_ends() -> None:
    # Without the kernel, 600,000 events take more than ten seconds on any machine.
    settings = LakeSettings(batch_size=10, timeout=10, max_receives=2)
    with lake_sandbox(
        provision=by_catalog(settings), concurrency=1, environment={"CLICKSTREAM_KERNEL": "off"}
    ) as sandbox:
        lambdas, s3 = sandbox.client("lambda"), sandbox.client("s3")
        (mapping,) = [
            each
            for each in lambdas.list_event_source_mappings()["EventSourceMappings"]
            if each["EventSourceArn"].endswith("-transform")
        ]
        lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        sandbox.event_sources.refresh()
        names = ["bad", *"abcdefghi"]
        for name in names:
            events = 600_000 if name == "bad" else 3
            body = gzip.compress(b'{"event_id":"%s"}\n' % name.encode() * events, 1)
            s3.put_object(Bucket=sandbox.bucket, Key=f"raw/{DAY}/{name}.gz", Body=body)
        lambdas.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
        sandbox.event_sources.refresh()
        sandbox.wait_idle()

        sql = "SELECT event_id, count(*) FROM clickstream_events_parquet GROUP BY 1 ORDER BY 1"
        assert sandbox.engine.execute(sql, sandbox.database).rows == [
            (name, 3) for name in sorted(names[1:])
        ]
        assert sandbox.dead_letters() == 1
        logged: list[dict[str, Any]] = [
            json.loads(line)
            for log in sandbox.log_dir.iterdir()
            for line in log.read_text().splitlines()
            if line.startswith("{")
        ]
        failures = [entry for entry in logged if entry.get("message") == "object failed"]
        assert [(each["error"], each["key"]) for each in failures] == [
            ("DeadlineError", f"raw/{DAY}/bad.gz")
        ] * 2
        # No invocation was ended by Lambda: those that it was in have sent their metrics.
        counted = [
            entry["ObjectsOverDeadline"] for entry in logged if "ObjectsOverDeadline" in entry
        ]
        assert counted == [[1], [1]]
