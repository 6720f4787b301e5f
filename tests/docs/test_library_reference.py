"""`make docs`: the pages build without a warning, and the library reference has every name that a user imports."""

import subprocess
import sys
from pathlib import Path

import archbuilder

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_build_offline_and_every_public_name_is_in_the_reference(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "-d", str(tmp_path / "trees")]
    done = subprocess.run([*command, str(DOCS), str(tmp_path / "pages")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "pages" / "library.html").read_text()
    names = [name for name in archbuilder.__all__ if name != "__version__"]
    assert [name for name in names if f'id="archbuilder.{name}"' not in page] == []
    assert 'id="archbuilder.NetworkSpec.set"' in page
    guides = {path.stem for path in DOCS.glob("*.md")}
    assert guides <= {path.stem for path in (tmp_path / "pages").glob("*.html")}
    assert 'src="http' not in page
    assert 'stylesheet" href="http' not in page
