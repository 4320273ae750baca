"""What strangers meet first stays true: workflows, hooks, documentation's navigation, changelog."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clickstream_lake import __version__

PROJECT = Path(__file__).parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (PROJECT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, flags=re.MULTILINE))
HOOKS = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(workflow.read_text())["jobs"]
    return found


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(workflow).values():
        yield from job["steps"]


def test_there_are_workflows_for_changes_nights_and_releases() -> None:
    assert [path.stem for path in WORKFLOWS] == ["check", "nightly", "release"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_nothing_but_make_targets_that_there_are(workflow: Path) -> None:
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    assert commands
    for command in commands:
        made = re.fullmatch(r"make ([a-z-]+)", command)
        assert made, f"{command!r} cannot be run here in the same way"
        assert made[1] in TARGETS, command


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit_with_their_version_beside_it(workflow: Path) -> None:
    used = [line for line in workflow.read_text().splitlines() if "uses:" in line]
    assert used
    for line in used:
        assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line


def test_an_action_is_pinned_alike_everywhere() -> None:
    uses = {step["uses"] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    names = [use.split("@")[0] for use in uses]
    assert len(names) == len(set(names)), sorted(uses)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_no_rights_but_those_that_a_job_names(workflow: Path) -> None:
    assert yaml.safe_load(workflow.read_text())["permissions"] == {}
    for name, job in jobs(workflow).items():
        assert job["permissions"], name
        assert job["timeout-minutes"] <= 180, name


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_step_finds_the_workflows_token_in_the_checkout(workflow: Path) -> None:
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_what_publishes_a_release_has_not_built_it() -> None:
    for name, job in jobs(PROJECT / ".github" / "workflows" / "release.yml").items():
        may_write = "write" in job["permissions"].values()
        builds = any(step.get("run") == "make release" for step in job["steps"])
        assert may_write != builds, name


def test_hooks_are_local_and_fetch_nothing() -> None:
    assert {repo["repo"] for repo in HOOKS["repos"]} == {"local"}
    languages = {hook["language"] for repo in HOOKS["repos"] for hook in repo["hooks"]}
    assert languages <= {"system", "pygrep"}


def test_every_page_of_the_documentation_is_in_the_navigation() -> None:
    text = (PROJECT / "mkdocs.yml").read_text()
    navigation = set(re.findall(r": ([\w/-]+\.md)$", text.split("\nnav:\n")[1], re.MULTILINE))
    pages = {path.relative_to(PROJECT / "docs").as_posix() for path in PROJECT.glob("docs/**/*.md")}
    inside = {page for page in navigation if not page.startswith("repository/")}
    assert inside == pages
    for page in navigation - inside:
        assert (PROJECT / page.removeprefix("repository/")).is_file()


def test_every_decision_has_the_parts_of_the_template_and_is_in_the_list() -> None:
    pages = sorted((PROJECT / "docs" / "adr").glob("[0-9]*.md"))
    parts = re.findall(r"^## (.*)", pages[0].read_text(), re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Rejected"]
    listed = (PROJECT / "docs" / "adr" / "index.md").read_text()
    for page in pages[1:]:
        assert re.findall(r"^## (.*)", page.read_text(), re.MULTILINE) == parts, page.name
        assert f"]({page.name})" in listed


def test_the_changelog_knows_this_version_and_what_comes_after_it() -> None:
    versions = re.findall(r"^## \[([^\]]+)\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[:2] == ["Unreleased", __version__]


def test_what_a_contributor_is_told_to_make_can_be_made() -> None:
    for page in ("CONTRIBUTING.md", "docs/index.md", "docs/upgrading.md"):
        told = set(re.findall(r"`make ([a-z-]+)", (PROJECT / page).read_text()))
        assert told <= TARGETS, page


def test_files_that_a_contributor_is_sent_to_are_there() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    named = re.findall(r"`((?:src|tests|terraform|docs|requirements)/[\w./-]+)`", text)
    assert len(named) > 15
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_coverage_measures_what_is_shipped() -> None:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]
    assert all((PROJECT / source).is_dir() for source in settings["source"])
