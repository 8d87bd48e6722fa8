"""The Python blocks of the pages run as they stand, and the values in their comments are right."""

import ast
import re
from importlib.resources import as_file, files
from pathlib import Path

import pytest

PAGES = (
    "README.md",
    "docs/index.md",
    "docs/tutorial.md",
    "docs/hosts.md",
    "docs/reading_walls.md",
    "docs/graph.md",
    "docs/statistics.md",
)
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks_of(page: Path) -> list[str]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def stated_value(line: str) -> tuple[bool, object]:
    """Whether the line ends in a comment that is a Python value, and that value."""
    comment = line.partition("  #")[2].strip()
    try:
        return bool(comment), ast.literal_eval(comment)
    except (SyntaxError, ValueError):
        return False, None


def run_block(block: str, names: dict[str, object]) -> int:
    """Run one block statement by statement; return how many stated values were compared."""
    lines = block.splitlines()
    compared = 0
    for node in ast.parse(block).body:
        source = ast.get_source_segment(block, node)
        stated, expected = stated_value(lines[node.end_lineno - 1])
        if isinstance(node, ast.Expr) and stated:
            assert eval(source, names) == expected, source
            compared += 1
        else:
            exec(source, names)
    return compared


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_blocks_run_in_order(page, repository, tmp_path, monkeypatch):
    blocks = blocks_of(repository / page)
    assert blocks
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    with as_file(files("stackmotif") / "_data" / "demo.emd") as bundled:
        for block in blocks:
            run_block(block.replace("image.dm4", str(bundled)), names)


def test_a_wrong_value_is_seen():
    assert run_block("1 + 1  # 2", {}) == 1
    with pytest.raises(AssertionError):
        run_block("1 + 1  # 3", {})


def test_every_fence_of_a_page_is_closed(repository):
    """An open one swallows the rest of the page, and the build does not mind."""
    for page in (repository / "README.md", *(repository / "docs").glob("*.md")):
        lines = page.read_text(encoding="utf-8").splitlines()
        fences = [line for line in lines if line.startswith("```")]
        opened = [bool(fence.strip("`").strip()) for fence in fences]
        closed = [not one for one in opened[1::2]]
        assert len(fences) % 2 == 0, page.name
        assert all(closed), page.name
        assert not [one for one in lines if one.endswith("```") and one not in fences], page.name


def test_read_me_holds_the_two_set_up_commands(repository):
    fenced = re.findall(
        r"^```bash\n(.*?)^```", (repository / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )
    set_up = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt "
    for rest in (". && .venv/bin/stackmotif demo", "'.[test]' && .venv/bin/pytest"):
        assert f"{set_up}{rest}\n" in fenced


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "catalog/README.md"])
def test_links_into_the_repository_lead_somewhere(page, repository):
    source = repository / page
    targets = re.findall(r"\]\(([^)#]+)\)", source.read_text(encoding="utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (source.parent / target).exists()] == []
