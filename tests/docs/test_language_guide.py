"""Check the examples and numbers of `docs/language.md`.

The guide's fences, by their info string:

- `yaml`: a complete spec; it loads. If its first line is a comment with a file name, such as `# small.yaml`, it is
  written to that file, which later fences can use.
- `yaml error`: an invalid spec; the `text` fence after it is the error, word for word.
- `yaml layers`: a list of layers; it loads with an input of 16 x 32 x 32 and the guide's first classifier after it.
- `yaml file`: a named file that a later spec includes.
- `python`: doctests; they share one session, in the order of the guide, in the folder of the files above them.
- `console`: a command of archbuilder and its complete output.

There are no others. A comment `# -> 24 x 16 x 16` in a spec is the output shape of that line's layer. Tables are
checked by their first column: `written` (layers and their weights), `value` (`$` values with the variables given above
them), `text` (YAML scalars) and `of` (limits).
"""

import ast
import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
from typer.testing import CliRunner

import archbuilder
from archbuilder.cli.app import app
from archbuilder.errors import MOST_FOUND, Source
from archbuilder.plan import recorder
from archbuilder.primitives import MERGES
from archbuilder.spec.assembly import MOST_FILES
from archbuilder.spec.blocks import BLOCK_KEYS
from archbuilder.spec.document import MOST_DECLARED, open_spec
from archbuilder.spec.expression import parse_expression
from archbuilder.spec.header import LONGEST_VARIABLE, MOST_VARIABLES, Header
from archbuilder.spec.heads import MOST_HEADS
from archbuilder.spec.initialization import Scheme
from archbuilder.spec.key_reader import LARGEST_REPEAT
from archbuilder.spec.keys import HEAD_KEYS, LAYER_KEYS
from archbuilder.spec.nodes import plain
from archbuilder.spec.parameters import MOST_PARAMETERS, PARAMETER_TYPES, Parameter
from archbuilder.spec.reader import LONGEST_KEY, MAXIMUM_CHARACTERS, MAXIMUM_DEPTH, MAXIMUM_VALUES, read_yaml
from archbuilder.spec.repetitions import MOST_OVERRIDDEN
from archbuilder.spec.scalars import resolve_scalar
from archbuilder.spec.sources import shipped_names

GUIDE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()

BEFORE_LAYERS = "input: {channels: 16, height: 32, width: 32}\nclasses: 10\nlayers:\n"
AFTER_LAYERS = (
    "- {name: pool, type: global_avg_pool}\n- {name: flatten, type: flatten}\n- {name: fc, type: linear, out: 10}\n"
)


class Fence(NamedTuple):
    """A fenced part of the guide."""

    word: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """Its file name, if it has one."""
        name = re.match(r"# (\w+\.yaml)\n", self.text)
        return name[1] if name else None

    def write(self, folder: Path) -> str:
        """Write it to its file, or to `spec.yaml`."""
        name = self.file or "spec.yaml"
        (folder / name).write_text(self.text)
        return name


def _fences() -> Iterator[Fence]:
    for match in re.finditer(r"^```([a-z ]+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        yield Fence(match[1], match[2], GUIDE.count("\n", 0, match.start()) + 2)


FENCES = list(_fences())


def _of(word: str) -> pytest.MarkDecorator:
    """Parametrize a test by the fences of a kind and their positions."""
    chosen = [(position, fence) for position, fence in enumerate(FENCES) if fence.word == word]
    return pytest.mark.parametrize(("position", "fence"), chosen, ids=[f"line {fence.line}" for _, fence in chosen])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write_files(fences: list[Fence], folder: Path) -> None:
    for fence in fences:
        if fence.file:
            fence.write(folder)


def _assert_shapes(spec: archbuilder.NetworkSpec) -> None:
    """Compare the shapes in comments with those of the plan."""
    shapes = {layer.name: " x ".join(map(str, layer.output_shape)) for layer in spec.plan().layers}
    starts = {member.where.source.line_and_column(member.node.span.start)[0]: member for member in spec.document.layers}
    for number, line in enumerate(spec.text.splitlines(), start=1):
        if claimed := re.search(r"# -> (\d+(?: x \d+)*)$", line):
            member = starts[max(start for start in starts if start <= number)]
            assert claimed[1] == shapes[str(member.name)], line


def test_the_fences_are_of_the_kinds_that_are_checked() -> None:
    assert GUIDE.count("```") == 2 * len(FENCES)
    assert {fence.word for fence in FENCES} == {
        "yaml", "yaml error", "yaml layers", "yaml file", "text", "python", "console",
    }  # fmt: skip
    for before, fence in zip(["", *(fence.word for fence in FENCES)], FENCES, strict=False):
        assert (fence.word == "text") == (before == "yaml error"), f"line {fence.line}"


@_of("yaml")
def test_specs_load(position: int, fence: Fence, folder: Path) -> None:
    _write_files(FENCES[:position], folder)
    _assert_shapes(archbuilder.load(fence.write(folder)))


@_of("yaml layers")
def test_layers_load(position: int, fence: Fence) -> None:
    _assert_shapes(archbuilder.NetworkSpec.from_text(BEFORE_LAYERS + fence.text + AFTER_LAYERS))


@_of("yaml error")
def test_errors_are_word_for_word(position: int, fence: Fence, folder: Path) -> None:
    _write_files(FENCES[:position], folder)
    with pytest.raises(archbuilder.SpecError) as error:
        archbuilder.load(fence.write(folder))
    assert f"{error.value}\n" == FENCES[position + 1].text


@_of("yaml file")
def test_files_are_included(position: int, fence: Fence) -> None:
    later = [later.text for later in FENCES[position:] if later.word == "yaml"]
    assert any(re.search(rf"^include: .*\b{fence.file}\b", text, re.MULTILINE) for text in later)


def test_python_is_one_session(folder: Path) -> None:
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for position, fence in enumerate(FENCES):
        _write_files(FENCES[position : position + 1], folder)
        if fence.word == "python":
            session = doctest.DocTestParser().get_doctest(fence.text, names, "the guide", "language.md", fence.line - 1)
            assert session.examples, f"line {fence.line}: no >>>"
            session.globs = names  # the parser copies them
            runner.run(session, out=report.append, clear_globs=False)
    assert not report, "".join(report)


@_of("console")
def test_commands_print_what_is_shown(position: int, fence: Fence, folder: Path) -> None:
    _write_files(FENCES[:position], folder)
    command, printed = fence.text.split("\n", 1)
    program, *arguments = command.removeprefix("$ ").split()
    assert program == "archbuilder"
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.output) == (0, printed)


def _table(first: str) -> list[list[str]]:
    """Return the code in a table's cells; its first heading identifies the table."""
    table = re.search(rf"^\| {first} \|.*\n\|[- |]+\n((?:\|.*\n)+)", GUIDE, re.MULTILINE)
    assert table
    return [[" ".join(re.findall("`(.+?)`", cell)) for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


@pytest.mark.parametrize(("written", "weights"), _table("written"))
def test_the_table_of_names(written: str, weights: str) -> None:
    net = archbuilder.NetworkSpec.from_text(f"{BEFORE_LAYERS}- {written}\n{AFTER_LAYERS}").build()
    keys = [key for key in net.state_dict() if key.endswith(".weight") and not key.startswith("fc.")]
    assert keys == weights.split()


@pytest.mark.parametrize(("value", "result"), _table("value"))
def test_the_table_of_values(value: str, result: str) -> None:
    given = re.search(r"^With `variables: ({.*})`:$", GUIDE, re.MULTILINE)
    assert given
    variables = plain(read_yaml(Source("variables", given[1]), []))
    actual = parse_expression(value).evaluate(variables)
    assert repr(actual) == repr(ast.literal_eval(result))


@pytest.mark.parametrize(("text", "result"), _table("text"))
def test_the_table_of_scalars(text: str, result: str) -> None:
    assert repr(resolve_scalar(text)) == repr(ast.literal_eval(result))


KEYS = [*LAYER_KEYS, *MERGES, "sequence", *HEAD_KEYS, *BLOCK_KEYS, *Header.model_fields, *Parameter.model_fields]
WORDS = [*PARAMETER_TYPES, *get_args(Scheme)]


@pytest.mark.parametrize("word", sorted({*KEYS, *WORDS}))
def test_the_guide_has_every_key(word: str) -> None:
    assert re.search(rf"`{word}`|\b{word}:", GUIDE)


def test_the_limits_of_files() -> None:
    text = GUIDE.replace("\n", " ")
    assert f"{MAXIMUM_CHARACTERS:,} characters, {MAXIMUM_DEPTH} levels, and {MAXIMUM_VALUES:,} values" in text
    assert f"the files that it extends and includes, {MOST_FILES} at most" in text
    assert f"A key may have {LONGEST_KEY} characters" in text
    assert MOST_FOUND == 100, "After a hundred different errors the checking ends"
    assert f"may not unfold to more than {recorder.MOST_WORK:,} values" in text


LIMITS = {
    "`repeat`": LARGEST_REPEAT,
    "heads": MOST_HEADS,
    "variables": MOST_VARIABLES,
    "characters of a variable's value": LONGEST_VARIABLE,
    "parameters of a block": MOST_PARAMETERS,
    "blocks and parameters of a spec": MOST_DECLARED,
    "choices of a parameter": 100,
    "characters of a `$` value": 200,
    "overrides of a layer, times its keys": MOST_OVERRIDDEN,
    "members inside each other, blocks included": recorder.DEEPEST,
    "characters of a full name": recorder.LONGEST_NAME,
    "operations of a network": recorder.MOST_OPS,
    "parameters of a network": recorder.LARGEST_PARAMETERS,
    "values of one map": recorder.LARGEST_ACTIVATION,
}


def test_the_table_of_limits() -> None:
    table = GUIDE.partition("| of | at most |\n| --- | --- |\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [f"| {what} | {limit:,} |" for what, limit in LIMITS.items()]


@pytest.mark.parametrize("name", shipped_names("specs"))
def test_shipped_specs_name_their_schema(name: str) -> None:
    source = open_spec(name)
    assert source.text.startswith("# yaml-language-server: $schema=archbuilder.schema.json\n")
    assert source.path
    assert (source.path.parent / "archbuilder.schema.json").is_file()
