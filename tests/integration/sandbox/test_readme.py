"""The sandbox's README and its page in docs: their examples run as they are printed."""

import re
import subprocess
import sys
from pathlib import Path

import clickstream_lake.sandbox

README = (Path(clickstream_lake.sandbox.__file__).parent / "README.md").read_text()
PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text()


def test_the_example_prints_what_the_page_says(tmp_path: Path) -> None:
    for block in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name is not None, "a block says which file it is"
        (tmp_path / name[1]).write_text(block)
    expected = re.findall(r"^```text\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

    done = subprocess.run(
        [sys.executable, "example.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert [done.stdout] == expected
