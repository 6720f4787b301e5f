"""`docs/pruning.md` says what is true: its code runs, and its table has every importance."""

import re
from pathlib import Path

from archbuilder.pruning import FLOOR, IMPORTANCES

GUIDE = (Path(__file__).parents[2] / "docs" / "pruning.md").read_text()


def test_the_code_declares_an_importance() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    try:
        exec(compile(code, "pruning.md", "exec"), {})
        assert IMPORTANCES["mean"].description == "the mean of a channel's weights"
    finally:
        IMPORTANCES.pop("mean", None)


def test_the_table_has_every_importance_and_its_source() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \|$", GUIDE, re.MULTILINE)
    assert [name for name, _ in rows] == list(IMPORTANCES)
    assert all(source in IMPORTANCES[name].description for name, source in rows)
    assert f"`{FLOOR}` (the default)" in GUIDE
