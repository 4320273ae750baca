"""Blocks go through the kernel, or line by line where there is none; the outcome is the same."""

from collections.abc import Iterator

from clickstream_lake.transform.read.lines import Block
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, RejectedLine, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.reasons import LineReason


class BlockEnricher:
    """Applies the data rules to blocks."""

    def __init__(self, rules: Rules) -> None:
        """Start at the first line of a raw object.

        Raises:
            KernelError: there is no memory.
        """
        self._line = 1  # number of the line that comes next
        self._scan = Enricher(rules).scan if library.missing() else Kernel(rules).scan

    def enrich(self, block: Block) -> Iterator[Enriched]:
        """Enrich every line of a block; blocks must come in the order of the raw object.

        Yields:
            The lines part by part; the JSON of each is valid until the next part is asked for.
        """
        self._line += block.passed
        if block.too_long:
            reason = LineReason.LINE_TOO_LONG
            yield Enriched(rejects=[RejectedLine(self._line, block.offset, reason, events=None)])
            return
        for done in self._scan(block.data, self._line, block.offset):
            yield done
            self._line += done.lines
