"""A document: its file, its draft, two of them on one file."""

from pathlib import Path

import pytest

from archbuilder.errors import ArchbuilderError
from archbuilder.play.document import STARTING, Document, open_file, open_text
from archbuilder.play.drafts import Draft, Drafts
from archbuilder.play.folder import ChangedError, Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "a.yaml").write_text("a: 1\n")
    return Folder(tmp_path)


def test_what_was_typed_and_not_saved_is_there_again(folder: Folder) -> None:
    drafts = Drafts(folder.root)
    document = open_file(folder, drafts, "a.yaml")
    document.edit("a: typed\n", "typing")
    document.keep()
    again = open_file(folder, Drafts(folder.root), "a.yaml")
    assert again.text == "a: typed\n"
    assert again.is_changed
    assert "is here again" in again.notice
    assert again.undo()
    assert again.text == "a: 1\n"
    assert (folder.root / ".archbuilder" / ".gitignore").read_text() == "*\n"


def test_saving_forgets_the_draft(folder: Folder) -> None:
    drafts = Drafts(folder.root)
    document = open_file(folder, drafts, "a.yaml")
    document.edit("a: 2\n")
    document.keep()
    document.save()
    assert (folder.root / "a.yaml").read_text() == "a: 2\n"
    assert drafts.read("a.yaml") is None
    document.edit("a: 3\n")
    document.keep()
    document.undo()
    document.keep()
    assert drafts.read("a.yaml") is None


def test_a_draft_of_a_file_that_was_changed_since_says_so(folder: Folder) -> None:
    document = open_file(folder, Drafts(folder.root), "a.yaml")
    document.edit("a: typed\n")
    document.keep()
    (folder.root / "a.yaml").write_text("a: by another\n")
    again = open_file(folder, Drafts(folder.root), "a.yaml")
    assert again.text == "a: typed\n"
    assert "compare before you save" in again.notice


def test_line_ends_of_a_file_are_written_as_they_were(folder: Folder) -> None:
    (folder.root / "a.yaml").write_bytes(b"a: 1\r\nb: 2\r\n")
    document = open_file(folder, Drafts(folder.root), "a.yaml")
    assert document.text == "a: 1\nb: 2\n"
    assert not document.is_changed
    document.edit("a: 1\nb: 3\n")
    document.save()
    assert (folder.root / "a.yaml").read_bytes() == b"a: 1\r\nb: 3\r\n"
    document.reload()
    assert document.text == "a: 1\nb: 3\n"


def test_a_damaged_draft_is_none(folder: Folder) -> None:
    drafts = Drafts(folder.root)
    drafts.write(Draft("a.yaml", "x"))
    (path,) = (folder.root / ".archbuilder" / "drafts").glob("*.json")
    for text in ("{", "[]", '{"name": "other", "text": "", "digest": ""}', "[" * 9_000_000):
        path.write_text(text)
        assert drafts.read("a.yaml") is None


def test_of_two_documents_on_one_file_the_second_to_save_is_told(folder: Folder) -> None:
    one, two = (open_file(folder, Drafts(folder.root), "a.yaml") for _ in range(2))
    one.edit("a: one\n")
    two.edit("a: two\n")
    one.save()
    with pytest.raises(ChangedError):
        two.save()
    assert (folder.root / "a.yaml").read_text() == "a: one\n"
    two.reload()
    assert two.text == "a: one\n"
    two.undo()
    two.save()
    assert (folder.root / "a.yaml").read_text() == "a: two\n"


def test_a_shipped_spec_is_saved_under_a_name(folder: Folder) -> None:
    document = open_file(folder, Drafts(folder.root), "googlenet")
    assert document.state == "shipped, read only"
    with pytest.raises(ArchbuilderError, match="give it a name"):
        document.save()
    with pytest.raises(ChangedError):
        document.save("a.yaml")
    document.save("mine.yaml")
    assert (folder.root / "mine.yaml").read_text() == document.text
    assert document.state == "saved"
    assert not document.is_changed


def test_the_spec_of_a_run_is_called_so(folder: Folder) -> None:
    document = Document(folder, Drafts(folder.root), "runs/x", "a: 1\n", "", "run")
    assert document.state == "the spec of a run, read only"


def test_a_text_without_a_file_has_a_draft_too(folder: Folder) -> None:
    document = open_text(folder, Drafts(folder.root), "untitled")
    assert document.text == STARTING
    assert (document.can_undo, document.is_changed) == (False, False)
    assert document.state == "no file yet"
    document.edit("x: 1\n")
    assert document.state == "no file yet; Save gives your changes a file"
    document.keep()
    assert open_text(folder, Drafts(folder.root), "untitled").text == "x: 1\n"
    with pytest.raises(ArchbuilderError, match="takes at most"):
        document.edit("x" * 1_000_000)
