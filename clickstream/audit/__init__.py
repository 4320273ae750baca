"""Does every raw object show exactly once in both tables? `read` looks, `judge` says."""

from clickstream.audit.judge import Breach, Verdict, judge
from clickstream.audit.reader import AuditReader
from clickstream.audit.repair import Repairer, Repairs

__all__ = ["AuditReader", "Breach", "Repairer", "Repairs", "Verdict", "judge"]
