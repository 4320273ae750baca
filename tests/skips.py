"""Skipped tests of a whole check: each run notes them, the last says which were not expected.

A test that is skipped everywhere protects nothing, and nobody looks at what a long run skips. The
check sets `CLICKSTREAM_SKIPS` to a file in which all its runs note what they skip; with
`CLICKSTREAM_SKIPS_LAST` set, a run ends with the whole list, and fails if there is a test on it
that `allowed_skips.txt` does not have.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ALLOWED = Path(__file__).with_name("allowed_skips.txt")
_FILE, _LAST = "CLICKSTREAM_SKIPS", "CLICKSTREAM_SKIPS_LAST"


@dataclass(frozen=True, order=True)
class Skip:
    """A test that was not run, and why."""

    test: str
    reason: str

    @classmethod
    def of(cls, report: pytest.TestReport | pytest.CollectReport) -> "Skip":
        """Read pytest's report of a test or of a whole module."""
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return cls(report.nodeid, " ".join(reason.removeprefix("Skipped: ").split()))


def allowed(skip: Skip, lines: Iterable[str]) -> bool:
    """Whether one of the lines, `test pattern: reason pattern`, speaks of a skip."""
    rules = (line.split(": ", 1) for line in lines if line.strip() and not line.startswith("#"))
    return any(
        fnmatchcase(_plain(skip.test), _plain(test)) and fnmatchcase(skip.reason, reason.strip())
        for test, reason in rules
    )


def _plain(name: str) -> str:
    """A name without the brackets of its parameters, which mean something else in a pattern."""
    return name.replace("[", "(").replace("]", ")")


@dataclass(eq=False)  # a plugin has to be hashable
class Skips:
    """The plugin: what one run skips, added to the file of the whole check."""

    file: Path
    last: bool
    found: list[Skip] = field(default_factory=list)
    everything: list[Skip] = field(default_factory=list)
    refused: list[Skip] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that is skipped; one that is expected to fail is not."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self.found.append(Skip.of(report))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module that is skipped whole."""
        if report.skipped:
            self.found.append(Skip.of(report))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write down what was skipped; the last run judges all of it."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.writelines(f"{skip.test}\t{skip.reason}\n" for skip in self.found)
        if not self.last:
            return
        self.everything = sorted(set(_read(self.file)))
        rules = ALLOWED.read_text(encoding="utf-8").splitlines()
        self.refused = [skip for skip in self.everything if not allowed(skip, rules)]
        if self.refused and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the list before pytest's own last line."""
        if not self.last:
            return
        terminalreporter.section(f"{len(self.everything)} tests were skipped in the whole check")
        for skip in self.everything:
            mark = "NOT ALLOWED " if skip in self.refused else ""
            terminalreporter.write_line(f"{mark}{skip.test}: {skip.reason}")
        if self.refused:
            terminalreporter.write_line(
                f"{len(self.refused)} of them are not in {ALLOWED.name}: make them run, or say "
                "there why they cannot.",
                red=True,
            )


def _read(file: Path) -> Iterator[Skip]:
    for line in file.read_text(encoding="utf-8").splitlines():
        test, _, reason = line.partition("\t")
        yield Skip(test, reason)


def register(config: pytest.Config) -> None:
    """Take part in a check, in the process that gathers what the others ran."""
    file = os.environ.get(_FILE)
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Skips(Path(file), bool(os.environ.get(_LAST))))
