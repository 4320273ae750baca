"""The keys under which Firehose delivers: prefix expressions and object names, as AWS has them.

Pure functions. The rules are those of the Firehose developer guide, "Understand custom prefixes
for Amazon S3 objects" and "Configure Amazon S3 object name format".
"""

import re
import secrets
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_EXPRESSION = re.compile(r"!\{([^}]*)\}")
_DEFAULT_TIME_PREFIX = "yyyy/MM/dd/HH/"
_RANDOM_ALPHABET = string.ascii_letters + string.digits

# The letters of Java's DateTimeFormatter that make sense in a key, by pattern.
_FIELDS: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda t: f"{t.year:04d}",
    "YYYY": lambda t: f"{t.isocalendar().year:04d}",
    "uuuu": lambda t: f"{t.year:04d}",
    "yy": lambda t: f"{t.year % 100:02d}",
    "MM": lambda t: f"{t.month:02d}",
    "M": lambda t: str(t.month),
    "dd": lambda t: f"{t.day:02d}",
    "d": lambda t: str(t.day),
    "DDD": lambda t: f"{t.timetuple().tm_yday:03d}",
    "HH": lambda t: f"{t.hour:02d}",
    "H": lambda t: str(t.hour),
    "mm": lambda t: f"{t.minute:02d}",
    "ss": lambda t: f"{t.second:02d}",
}
_PATTERN_PART = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")


class PrefixError(ValueError):
    """A prefix that Firehose would not accept, or that the sandbox cannot evaluate."""


@dataclass(frozen=True, slots=True)
class KeyRules:
    """What a delivery stream's configuration says about the keys of its objects.

    Attributes:
        stream: the stream's name.
        version: its version id, which grows with every change of its configuration.
        prefix: for delivered data; may hold `!{…}` expressions.
        error_prefix: for records that could not be processed.
        extension: `.gz`, another file extension, or nothing.
        zone: time zone of the time expressions; UTC unless configured.
    """

    stream: str
    version: str
    prefix: str
    error_prefix: str
    extension: str
    zone: str = "UTC"

    def data_key(self, arrived: datetime) -> str:
        """A new key for an object whose oldest record arrived at `arrived`."""
        return self._evaluated(self.prefix, arrived) + self._name(arrived)

    def error_key(self, arrived: datetime, error_type: str) -> str:
        """A new key for records that failed with `error_type`, for instance `processing-failed`."""
        prefix = self.error_prefix or f"{self.prefix}{error_type}/"
        return self._evaluated(prefix, arrived, error_type) + self._name(arrived)

    def _name(self, arrived: datetime) -> str:
        local = arrived.astimezone(ZoneInfo(self.zone))
        moment = local.strftime("%Y-%m-%d-%H-%M-%S")
        return f"{self.stream}-{self.version}-{moment}-{uuid.uuid4()}{self.extension}"

    def _evaluated(self, prefix: str, arrived: datetime, error_type: str = "") -> str:
        local = arrived.astimezone(ZoneInfo(self.zone))
        return evaluate_prefix(prefix, local, error_type)


def evaluate_prefix(prefix: str, moment: datetime, error_type: str = "") -> str:
    """The prefix with every expression evaluated at `moment`.

    A prefix that holds no time expression gets Firehose's default, `yyyy/MM/dd/HH/`, appended.

    Raises:
        PrefixError: for an expression that Firehose or the sandbox does not know.
    """
    evaluated = _EXPRESSION.sub(lambda found: _value(found[1], moment, error_type), prefix)
    if "!{timestamp:" not in prefix:
        evaluated += format_java(_DEFAULT_TIME_PREFIX, moment)
    return evaluated


def _value(expression: str, moment: datetime, error_type: str) -> str:
    namespace, _, argument = expression.partition(":")
    match namespace, argument:
        case "timestamp", pattern:
            return format_java(pattern, moment)
        case "firehose", "random-string":
            return "".join(secrets.choice(_RANDOM_ALPHABET) for _ in range(11))
        case "firehose", "error-output-type":
            return error_type
        case (("partitionKeyFromQuery" | "partitionKeyFromLambda"), _):
            raise PrefixError(f"!{{{expression}}}: the sandbox has no dynamic partitioning")
        case _:
            raise PrefixError(f"!{{{expression}}} is not an expression that Firehose knows")


def format_java(pattern: str, moment: datetime) -> str:
    """Format `moment` by a pattern of Java's DateTimeFormatter, as far as keys need it.

    Raises:
        PrefixError: for a letter that stands for something else.
    """
    parts: list[str] = []
    for part in _PATTERN_PART.finditer(pattern):
        text = part[0]
        if text.startswith("'"):
            parts.append(part[1] or "'")
        elif part[2]:
            field = _FIELDS.get(text)
            if field is None:
                raise PrefixError(f"the sandbox does not know the time pattern {text!r}")
            parts.append(field(moment))
        else:
            parts.append(text)
    return "".join(parts)


def check_prefixes(prefix: str, error_prefix: str) -> None:
    """Refuse what Firehose refuses when a stream is created.

    Raises:
        PrefixError: says which rule the prefixes break.
    """
    now = datetime.now(UTC)
    evaluate_prefix(prefix, now)
    evaluate_prefix(error_prefix, now)
    if "!{firehose:error-output-type}" in prefix:
        raise PrefixError("Prefix cannot contain !{firehose:error-output-type}")
    has_expressions = bool(_EXPRESSION.search(prefix))
    if has_expressions and not error_prefix:
        raise PrefixError("ErrorOutputPrefix must be given when Prefix contains expressions")
    if _EXPRESSION.search(error_prefix) and "!{firehose:error-output-type}" not in error_prefix:
        raise PrefixError("ErrorOutputPrefix must contain !{firehose:error-output-type}")
