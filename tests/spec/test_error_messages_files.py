"""Files and YAML: what is no spec at all."""

import re
from pathlib import Path

import pytest
from spec.marked import CONV, check, network, problems_of, unmark

from archbuilder import ArchbuilderError, SpecError, load

# -- files -----------------------------------------------------------------------------------------------------------


def test_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArchbuilderError, match=r"^specs/none\.yaml: no such file"):
        load("specs/none.yaml")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(
        ArchbuilderError, match=r": is a folder, not a file, and no run: best.safetensors is missing in it$"
    ):
        load(tmp_path)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(network())

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ArchbuilderError, match=r"spec\.yaml: cannot be read: Permission denied$"):
        load(path)


def test_a_path_that_no_system_has() -> None:
    with pytest.raises(ArchbuilderError, match=r"^a\0b\.yaml: cannot be read: embedded null byte$"):
        load("a\0b.yaml")
    with pytest.raises(ArchbuilderError, match=r"^a\0b: no such file, and no shipped spec of that name$"):
        load("a\0b")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only a comment\n", b"---\n", b"~\n", b"\xef\xbb\xbf"])
def test_an_empty_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError, match=r"spec\.yaml: the file is empty; a YAML mapping was expected\n1 error$"):
        load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: caf\xe9\n", r"is not UTF-8 text \(byte 0xe9 at offset 9\); a YAML file was expected"),
        (bytes(range(255, 0, -1)), r"is not UTF-8 text \(byte 0xff at offset 0\)"),
        (b"\x80\x02}q\x00.", r"is not UTF-8 text \(byte 0x80 at offset 0\)"),  # a pickle
        (b"PK\x03\x04rest", r"control characters are not allowed \(U\+0003\)"),
        (b"\x00" * 100, r"control characters are not allowed \(U\+0000\)"),
        (b"\x7fELF\x02\x01", r"control characters are not allowed \(U\+007F\)"),
        (b"#" * ((1 << 20) + 1), r"is larger than 1,048,576 characters; no spec needs that"),
        (b"\xff" * ((1 << 22) + 1), r"is larger than 1,048,576 characters; no spec needs that"),
    ],
)
def test_what_is_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(content)
    with pytest.raises(ArchbuilderError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "found a list, expected a mapping with the keys input, classes and layers"),
        ("abc\n", "found the string 'abc', expected a mapping with the keys input, classes and layers"),
        ("3\n", "found 3, expected a mapping with the keys input, classes and layers"),
    ],
)
def test_what_is_no_mapping(text: str, message: str) -> None:
    found = problems_of(text).problems
    assert [(p.message, str(p.where)) for p in found] == [(message, "mine.yaml:1:1")]


# -- YAML ------------------------------------------------------------------------------------------------------------


def test_an_alias_bomb() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, after in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{after}: &{after} [{', '.join([f'*{before}'] * 10)}]")
    found = problems_of("\n".join(lines)).problems
    assert [p.message for p in found] == ["the file expands to more than 100,000 values here"]
    assert found[0].where is not None
    assert found[0].where.line == 5


def test_an_alias_bomb_of_merge_keys() -> None:
    lines = ["a: &a {k0: 1, k1: 1, k2: 1}"]
    for before, after in zip("abcdefghijklmnop", "bcdefghijklmnopq", strict=True):
        lines.append(f"{after}: &{after} {{<<: [{', '.join([f'*{before}'] * 9)}], {after}: [*{before}, *{before}]}}")
    assert "expands to more than 100,000 values" in str(problems_of("\n".join(lines)))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting(opening: str) -> None:
    found = problems_of(opening * 200_000).problems
    assert [p.message for p in found] == ["nested more than 64 levels deep"]
    assert found[0].where is not None
    assert found[0].where.column == 65 * len(opening) + 1


def test_deep_nesting_by_aliases() -> None:
    lines = ["a0: &a0 [1]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 400))]
    found = problems_of("\n".join(lines)).problems
    assert [p.message for p in found] == ["nested more than 64 levels deep"]


@pytest.mark.parametrize(
    ("marked", "path", "tag"),
    [
        ("name: «!!python/object/apply:os.system» ['ls']\n", "name", "!!python/object/apply:os.system"),
        ("name: «!!python/object:builtins.object» {}\n", "name", "!!python/object:builtins.object"),
        ("classes: &a «!!python/name:os.system»\n", "classes", "!!python/name:os.system"),
        ("layers:\n  - type: «!!binary» aGk=\n", "layers.0.type", "!!binary"),
        ("name: «!mine» x\n", "name", "!mine"),
        ("name: «!» x\n", "name", "!"),
        ("«!!python/name:os.system» : 3\n", "", "!!python/name:os.system"),
        ("name: «!<tag:yaml.org,2002:python/none>»\n", "name", "!<tag:yaml.org,2002:python/none>"),
    ],
)
def test_tags_run_nothing(marked: str, path: str, tag: str) -> None:
    check(marked, (path, f"the tag {tag} is not allowed: a spec is plain data and runs nothing"))


def test_several_documents() -> None:
    check(network() + "«---»\na: 1\n", ("", "a second document starts here; one file is one document"))


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ("name: [a\n«»", r"not valid YAML: the \[ of line 1 is not closed: did not find expected ',' or '\]'"),
        ("conv:\n«\t»norm: none\n", r"not valid YAML: found character that cannot start any token"),
        ("name: 'a\n«»", r"not valid YAML: found unexpected end of stream while scanning a quoted scalar"),
        ("é漢: é\nname: a«\x01»b\n", r"not valid YAML: control characters are not allowed \(U\+0001\)"),
        ("é漢: é\nname: a«\ud800»b\n", r"not valid YAML: surrogates not allowed"),
    ],
)
def test_what_is_no_yaml(marked: str, message: str) -> None:
    text, [(start, _)] = unmark(marked)
    [problem] = problems_of(text).problems
    assert re.match(message, problem.message)
    assert problem.where is not None
    assert problem.where.span.start == start


def test_what_stays_open_is_shown_where_it_was_opened() -> None:
    error = problems_of(network(CONV.removesuffix("}"), "{name: x, type: flatten}"))
    assert "mine.yaml:6:5\n  5 │   - {name: conv1, type: conv" in str(error)
    error = problems_of('name: "mine\ninput: 3\n')
    assert '  1 │ name: "mine\n' in str(error)


def test_an_alias_of_nothing_and_of_itself() -> None:
    check("name: «*b»\n", ("name", "no anchor &b"))
    check("name: &a [x, «*a»]\n", ("name.1", "*a refers to the value that it is part of"))


def test_a_merge_key_with_nothing_to_merge() -> None:
    check("conv: {<<: «3»}\n", ("conv.<<", "a merge key (<<) takes a mapping or a list of mappings"))


def test_a_key_that_is_no_word() -> None:
    check("? «[»a, b]\n: 3\n", ("", "a key must be a string or a number"))
