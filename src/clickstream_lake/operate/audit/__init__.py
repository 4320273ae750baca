"""Does every raw object show exactly once in both tables? `reader` looks, `judge` decides."""

from clickstream_lake.operate.audit.judge import Breach, Verdict, judge
from clickstream_lake.operate.audit.reader import AuditReader
from clickstream_lake.operate.audit.repair import Repairer, Repairs

__all__ = ["AuditReader", "Breach", "Repairer", "Repairs", "Verdict", "judge"]
