"""The Python of the page on ways out runs as it stands, and its values are right."""

import ast
import re

FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_page_runs(repository):
    text = (repository / "docs" / "catalog.md").read_text(encoding="utf-8")
    page = text.partition("## Using the catalog from other programs")[2]
    names, compared = {}, 0
    for block in FENCE.findall(page):
        for node in ast.parse(block).body:
            source = ast.get_source_segment(block, node)
            comment = block.splitlines()[node.end_lineno - 1].partition("  # ")[2]
            if isinstance(node, ast.Expr) and comment:
                assert eval(source, names) == ast.literal_eval(comment), source
                compared += 1
            else:
                exec(source, names)
    assert compared == 7


def test_every_format_is_on_the_page(repository):
    from stackmotif.catalog import FORMATS

    page = (repository / "docs" / "catalog.md").read_text(encoding="utf-8")
    assert all(f"\n| `{fmt}` |" in page for fmt in FORMATS)
