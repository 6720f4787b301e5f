"""Nothing outside the folder is read or written, and nothing is written over unseen."""

import os
import re
from pathlib import Path

import pytest

import archbuilder
from archbuilder.errors import ArchbuilderError
from archbuilder.play import listing
from archbuilder.play.drafts import Draft, Drafts
from archbuilder.play.folder import ChangedError, Folder, digest_of
from archbuilder.play.listing import list_folder
from archbuilder.play.playground import Playground


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "inside"
    (folder / "nets").mkdir(parents=True)
    (folder / "a.yaml").write_text("a: 1\n")
    (tmp_path / "secret.yaml").write_text("secret: 1\n")
    return folder


@pytest.mark.parametrize(
    "name", ["../secret.yaml", "nets/../../secret.yaml", "/etc/passwd", "", ".", ".archbuilder/drafts/x.yaml", "a\0b"]
)
def test_names_that_lead_outside_or_are_hidden_are_refused(root: Path, name: str) -> None:
    folder = Folder(root)
    for act in (lambda: folder.read(name), lambda: folder.save(name, "x", None)):
        with pytest.raises(ArchbuilderError, match=r"outside|hidden|not a path"):
            act()


def test_links_that_lead_outside_are_refused(root: Path) -> None:
    (root / "link.yaml").symlink_to(root.parent / "secret.yaml")
    (root / "away").symlink_to(root.parent)
    (root / "loop.yaml").symlink_to(root / "loop.yaml")
    folder = Folder(root)
    for name in ("link.yaml", "away/secret.yaml", "away/new.yaml"):
        with pytest.raises(ArchbuilderError, match="lies outside"):
            folder.read(name)
        with pytest.raises(ArchbuilderError, match="lies outside"):
            folder.save(name, "x", None)
    with pytest.raises(ArchbuilderError):
        folder.save("loop.yaml", "x", None)
    assert (root.parent / "secret.yaml").read_text() == "secret: 1\n"
    assert not (root.parent / "new.yaml").exists()


def test_a_link_inside_the_folder_stays_one(root: Path) -> None:
    (root / "b.yaml").symlink_to(root / "a.yaml")
    Folder(root).save("b.yaml", "b: 2\n", None)
    assert (root / "b.yaml").is_symlink()
    assert (root / "a.yaml").read_text() == "b: 2\n"


def test_only_yaml_is_written(root: Path) -> None:
    for name in ("a.py", "Makefile", "nets"):
        with pytest.raises(ArchbuilderError, match=r"ends in \.yaml"):
            Folder(root).save(name, "x", None)


def test_a_file_that_something_else_wrote_is_not_written_over(root: Path) -> None:
    folder = Folder(root)
    opened = folder.read("a.yaml")
    (root / "a.yaml").write_text("a: 2\n")
    with pytest.raises(ChangedError, match="was changed by another program"):
        folder.save("a.yaml", "a: 3\n", opened.digest)
    with pytest.raises(ChangedError, match="already exists"):
        folder.save("a.yaml", "a: 3\n", "")
    assert (root / "a.yaml").read_text() == "a: 2\n"
    assert folder.save("a.yaml", "a: 3\n", None) == digest_of("a: 3\n")
    assert folder.save("nets/new.yaml", "x", "") == digest_of("x")


def test_shipped_specs_are_read_and_are_nobodys_own(root: Path) -> None:
    opened = Folder(root).read("googlenet")
    assert opened.source.text == archbuilder.load("googlenet").text
    assert opened.origin == "shipped"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.yaml", "no such file; to write it, start with a new text"),
        ("inception_digit", "no shipped spec of that name; did you mean inception_digits"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(root: Path, name: str, said: str) -> None:
    with pytest.raises(ArchbuilderError, match=re.escape(said)):
        Folder(root).read(name)


def test_hidden_files_and_links_are_not_listed(root: Path) -> None:
    (root / "nets" / "b.yaml").write_text("")
    (root / ".archbuilder").mkdir()
    (root / ".archbuilder" / "c.yaml").write_text("")
    (root / "away").symlink_to(root.parent)
    assert list_folder(Folder(root)).specs == ["a.yaml", "nets/b.yaml"]


def test_a_large_folder_is_looked_through_in_part_and_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        (root / f"b{number:02}.yaml").write_text("")
        (root / "nets" / f"{number:02}.yaml").write_text("")
    assert list_folder(Folder(root)).is_whole
    monkeypatch.setattr(listing, "MOST_LISTED", 60)
    found = list_folder(Folder(root))
    assert len(found.specs) == 60
    assert "not everything is listed" in found.note
    monkeypatch.setattr(listing, "MOST_ENTRIES", 20)
    assert len(list_folder(Folder(root)).specs) <= 20


def test_pipes_and_large_files_are_not_read(root: Path) -> None:
    os.mkfifo(root / "pipe.yaml")
    (root / "large.yaml").write_bytes(b"a" * 900_000)
    with pytest.raises(ArchbuilderError, match="not a regular file"):
        Folder(root).read("pipe.yaml")
    with pytest.raises(ArchbuilderError, match="reads at most"):
        Folder(root).read("large.yaml")
    assert list_folder(Folder(root)).specs == ["a.yaml", "large.yaml"]


def test_drafts_are_not_written_through_a_link_that_leads_outside(root: Path) -> None:
    (root / ".archbuilder").symlink_to(root.parent / "elsewhere")
    with pytest.raises(ArchbuilderError, match="leads outside"):
        Drafts(root).write(Draft("a.yaml", "x"))
    with pytest.raises(ArchbuilderError, match="leads outside"):
        Playground(root)
    assert not (root.parent / "elsewhere").exists()
