"""Is a deployed lake as it has to be? `look` reads the account, `checks` judge what was read."""

from clickstream_lake.operate.doctor.checks import CHECKS, Finding, Status, examine
from clickstream_lake.operate.doctor.look import PERMISSIONS, Deployment, Seen, look

__all__ = [
    "CHECKS",
    "PERMISSIONS",
    "Deployment",
    "Finding",
    "Seen",
    "Status",
    "examine",
    "look",
]
