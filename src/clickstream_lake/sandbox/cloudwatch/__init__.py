"""CloudWatch's metrics and alarms: what the sandbox's parts measure, judged by AWS's rules."""
