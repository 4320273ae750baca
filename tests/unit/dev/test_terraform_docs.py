from pathlib import Path

import pytest

from dev import terraform_docs
from dev.terraform_docs import BEGIN, END, PAGES, PROJECT, Item, items, updated


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_a_page_is_true(page: Path) -> None:
    assert page.read_text() == updated(page), "run `python -m dev.terraform_docs`"


def test_every_module_has_a_page() -> None:
    here = terraform_docs.TERRAFORM
    # What only a test calls needs no page.
    roots = {f.parent for f in here.rglob("main.tf") if "tests" not in f.relative_to(here).parts}
    assert roots | {terraform_docs.TERRAFORM} == set(PAGES.values())


def test_a_heredoc_and_a_nested_type_are_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "variables.tf"
    file.write_text(
        'variable "a" {\n  description = <<-EOT\n    Two "quoted"\n    lines | a bar.\n  EOT\n'
        "  type = map(object({\n    b = optional(number)\n    c = string\n  }))\n"
        "  default = {}\n\n  validation {\n    condition = true\n  }\n}\n"
        'output "b" {\n  value = 1\n}\n'
    )
    assert items(file, "variable") == [
        Item(
            name="a",
            description='Two "quoted" lines \\| a bar.',
            type="map(object({b = optional(number), c = string}))",
            default="{}",
            validations=1,
        )
    ]


def test_text_around_the_markers_stays_and_what_is_between_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "a" {\n  type = string\n  description = "An a."\n}\n'
        'output "b" {\n  description = "A b."\n  value = var.a\n}\n'
    )
    page = tmp_path / "README.md"
    page.write_text(f"# Mine\n\n{BEGIN}old\n{END}\nMine, too.\n")
    monkeypatch.setitem(PAGES, page, tmp_path)
    assert updated(page) == (
        f"# Mine\n\n{BEGIN}\n"
        "## Inputs\n\n| name | type | default | what it is |\n|---|---|---|---|\n"
        "| `a` | `string` | required | An a. |\n\n"
        "## Outputs\n\n| name | what it is |\n|---|---|\n| `b` | A b. |\n\n"
        f"{END}\nMine, too.\n"
    )


def test_a_file_of_variables_without_a_heading_is_refused(tmp_path: Path) -> None:
    (tmp_path / "variables_new.tf").touch()
    with pytest.raises(SystemExit, match=r"variables_new\.tf"):
        terraform_docs.reference(tmp_path)
