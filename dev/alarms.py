"""Write the alarms that Terraform makes by default, for lakes that the sandbox makes without it.

Run it after a change of `terraform/alarms.tf`: `python -m dev.alarms`. It plans, which takes
Terraform and its AWS provider.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import ALARMS
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox

# Of Terraform's `name`, by which names of alarms, queues, streams and functions begin.
_NAME: Final = "clickstream"
_RESOURCE: Final = "aws_cloudwatch_metric_alarm"
_ARGUMENTS: Final = {
    "alarm_name": "AlarmName",
    "alarm_description": "AlarmDescription",
    "namespace": "Namespace",
    "metric_name": "MetricName",
    "statistic": "Statistic",
    "period": "Period",
    "evaluation_periods": "EvaluationPeriods",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "threshold": "Threshold",
    "comparison_operator": "ComparisonOperator",
    "treat_missing_data": "TreatMissingData",
}


def planned(workdir: Path, variables: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """The alarms that a plan makes, by name, as arguments of PutMetricAlarm.

    Args:
        workdir: an empty directory, for Terraform's files.
        variables: the configuration's; one that is not named has its default.
    """
    with Sandbox(provision=lambda _clients: Resources()) as sandbox:
        plan = terraform.plan(
            sandbox.endpoint,
            workdir,
            variables or {},
            access_key_id=sandbox.credentials()["AWS_ACCESS_KEY_ID"],
        )
    resources = plan["planned_values"]["root_module"]["resources"]
    alarms = [_alarm(each["values"]) for each in resources if each["type"] == _RESOURCE]
    return sorted(alarms, key=lambda alarm: alarm["AlarmName"])


def _alarm(values: Mapping[str, Any]) -> dict[str, Any]:
    alarm = {
        argument: values[name]
        for name, argument in _ARGUMENTS.items()
        if values.get(name) is not None
    }
    if values.get("dimensions"):
        alarm["Dimensions"] = _dimensions(values["dimensions"])
    if values.get("metric_query"):
        alarm["Metrics"] = list(_queries(values["metric_query"]))
    return alarm


def _queries(queries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for query in queries:
        made = {"Id": query["id"], "ReturnData": bool(query.get("return_data"))}
        if query.get("expression"):
            yield made | {"Expression": query["expression"], "Label": query["label"]}
            continue
        (metric,) = query["metric"]
        yield made | {
            "MetricStat": {
                "Metric": {
                    "Namespace": metric["namespace"],
                    "MetricName": metric["metric_name"],
                    "Dimensions": _dimensions(metric["dimensions"]),
                },
                "Period": metric["period"],
                "Stat": metric["stat"],
            }
        }


def _dimensions(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]


def page(alarms: list[dict[str, Any]]) -> str:
    """The file's text, with a placeholder for the lake's name."""
    text = json.dumps(alarms, indent=2, ensure_ascii=False)
    return text.replace(f'"{_NAME}-', '"${name}-') + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        ALARMS.write_text(page(planned(Path(directory))), encoding="utf-8")
