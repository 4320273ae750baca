"""What the documentation's site adds to docs/: a hook of mkdocs, see mkdocs.yml.

Pages link to files of the repository outside docs/, and those link back. Such a file becomes a part
of the site under `repository/`, and links follow it there, so that mkdocs can check all of them.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

PROJECT: Final = Path(__file__).resolve().parents[1]
_DOCS: Final = "docs/"
_OUTSIDE: Final = "repository/"
# In the navigation, whether a page links to them or not.
_PAGES: Final = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
_LINK: Final = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the project's own pages, what any page links to, and the script that draws diagrams."""
    waiting = [_DOCS + page.src_uri for page in files.documentation_pages()]
    waiting += _PAGES
    seen = set(waiting)
    while waiting:
        source = waiting.pop()
        if not source.startswith(_DOCS):
            _add(files, config, _OUTSIDE + source, PROJECT / source)
        if source.endswith(".md"):
            found = set(_linked(source)) - seen
            seen |= found
            waiting += found
    _add(files, config, "assets/mermaid.min.js", PROJECT / "build" / "mermaid.min.js")
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between docs/ and the rest of the repository into links of the site."""
    here = page.file.src_uri
    source = here.removeprefix(_OUTSIDE) if here.startswith(_OUTSIDE) else _DOCS + here

    def moved(link: re.Match[str]) -> str:
        target = _target(source, link[0])
        inside = target.startswith(_DOCS)
        site = target.removeprefix(_DOCS) if inside else _OUTSIDE + target
        return posixpath.relpath(site, posixpath.dirname(here) or ".")

    return _LINK.sub(moved, markdown)


def _add(files: Files, config: MkDocsConfig, uri: str, path: Path) -> None:
    added = File.generated(config, uri, abs_src_path=str(path), inclusion=InclusionLevel.NOT_IN_NAV)
    files.append(added)


def _linked(source: str) -> Iterator[str]:
    """Files of the repository outside docs/ that a page links to."""
    for link in _LINK.findall((PROJECT / source).read_text(encoding="utf-8")):
        target = _target(source, link)
        if not target.startswith((_DOCS, "..")) and (PROJECT / target).is_file():
            yield target


def _target(source: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
