"""A block of lines goes through the kernel; what that declines goes line by line."""

from collections.abc import Iterator

from clickstream_lake.transform.read.lines import Block
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Event, RejectedLine, Rules
from clickstream_lake.transform.rules.kernel import ScannedPart, scanner
from clickstream_lake.transform.rules.reasons import LineReason


class BlockEnricher:
    """Applies the data rules to blocks."""

    def __init__(self, rules: Rules) -> None:
        """Start at the first line of a raw object."""
        self._line = 1  # number of the line that comes next
        self._enricher = Enricher(rules)
        self._scan = scanner(rules)

    def enrich(self, block: Block) -> Iterator[Enriched]:
        """Enrich every line of a block; blocks must come in the order of the raw object.

        Yields:
            The lines part by part; the JSON of each is valid until the next part is asked for.
        """
        self._line += block.passed
        if block.too_long:
            rejected = RejectedLine(self._line, block.offset, LineReason.LINE_TOO_LONG)
            yield Enriched(rejects=[rejected])
            return
        for part in self._scan(block.data):
            yield self._with_declined(part, block)
            self._line += part.lines

    def _with_declined(self, part: ScannedPart, block: Block) -> Enriched:
        """What the kernel took, and in between the lines that it declined."""
        done = Enriched(blank=part.blank)
        rows = size = 0  # how much of what the kernel took is handed on
        waiting: list[Event] = []
        for line in part.declined:
            text = block.data[line.start : line.end]
            events = self._enricher.line(
                text, self._line + line.line, block.offset + line.start, done
            )
            if events and line.row > rows:
                self._publish(waiting, done)
                _hand_on(part, slice(rows, line.row), slice(size, line.json), done)
                rows, size = line.row, line.json
            waiting += events
        self._publish(waiting, done)
        if part.batch is not None:
            _hand_on(part, slice(rows, part.batch.num_rows), slice(size, None), done)
        return done

    def _publish(self, waiting: list[Event], done: Enriched) -> None:
        """Move events that were enriched line by line to the end of what is done."""
        if waiting:
            done.json.append(b"".join(line for line, _ in waiting))
            done.batches.append(self._enricher.batch(waiting))
            waiting.clear()


def _hand_on(part: ScannedPart, rows: slice, json: slice, done: Enriched) -> None:
    """Move a stretch of what the kernel took to the end of what is done."""
    if part.batch is not None and rows.start < rows.stop:
        done.json.append(part.json[json])
        done.batches.append(part.batch.slice(rows.start, rows.stop - rows.start))
