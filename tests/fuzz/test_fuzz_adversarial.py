"""No file makes the checker crash, hang or swell.

Each is checked by a process of its own that may hold 500 MB. How long they take is measured by the benchmarks.
"""

from pathlib import Path

import pytest
from fuzz.monsters import LIMIT, MONSTERS, Monster, spec
from support.forking import COMMANDS, run

import archbuilder
from archbuilder import SpecError

pytest.importorskip("resource")

LARGEST = 500 * 10**6  # bytes of address space, of which what is held is a part


@pytest.mark.parametrize("monster", MONSTERS, ids=[monster.name for monster in MONSTERS])
def test_a_monster_is_answered(monster: Monster, tmp_path: Path) -> None:
    data = monster.text()
    (tmp_path / "monster.yaml").write_bytes(data if isinstance(data, bytes) else data.encode())
    done = run("check", "monster.yaml", folder=tmp_path, memory=LARGEST, imported=COMMANDS)
    printed = done.stdout + done.stderr
    assert "Traceback" not in printed
    assert "archbuilder failed" not in printed
    assert monster.says in printed
    assert done.returncode == monster.status
    assert len(printed) < 250_000


def test_a_loop_of_links_is_no_path(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "spec.yaml").write_text("extends: loop.yaml\n")
    with pytest.raises(SpecError, match=r"'loop\.yaml' is not a path"):
        archbuilder.load(tmp_path / "spec.yaml")


def test_many_files_are_no_larger_than_one(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"blocks{number}.yaml").write_text("blocks: {}\n".ljust(LIMIT // 2, "#"))
    (tmp_path / "spec.yaml").write_text(f"include: [{', '.join(f'blocks{n}.yaml' for n in range(3))}]\n{spec()}")
    with pytest.raises(SpecError, match=r"with .*blocks1\.yaml the spec has more than 32 files, 1,048,576 characters"):
        archbuilder.load(tmp_path / "spec.yaml")


def test_the_names_of_the_monsters_differ() -> None:
    assert len({monster.name for monster in MONSTERS}) == len(MONSTERS)
