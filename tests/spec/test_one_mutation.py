"""One thing that is wrong with a spec is one error: shipped networks, each changed in one place."""

from copy import deepcopy
from typing import Any

from fuzz.test_fuzz_mutations import EVERYTHING, places
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archbuilder import NetworkSpec, SpecError
from archbuilder.errors import Source
from archbuilder.spec.emitter import to_yaml
from archbuilder.spec.nodes import plain
from archbuilder.spec.reader import read_yaml
from archbuilder.spec.sources import shipped_folder

_LONGEST = 6000  # characters; the larger networks say nothing else
# Each unit of ShuffleNet halves its input: one stride that is wrong may be an error of several units.
_FILES = sorted(path for path in shipped_folder("specs").glob("*.yaml") if not path.stem.startswith("shufflenet"))
TEXTS = [EVERYTHING, *(text for path in _FILES if len(text := path.read_text()) < _LONGEST)]
TREES: list[Any] = [plain(read_yaml(Source("spec.yaml", text), [])) for text in TEXTS]
_WINDOWS = {"kernel", "stride", "pool_kernel", "pool_stride", "dilation", "height", "width", "pool_output"}


@st.composite
def typos(draw: st.DrawFn, word: str) -> str:
    i = draw(st.integers(0, len(word) - 2))
    return draw(
        st.sampled_from(
            [word[:i] + word[i + 1] + word[i] + word[i + 2 :], word[:i] + word[i + 1 :], word[: i + 1] + word[i:]]
        )
    )


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, str]:
    """Give a spec with one change, and what was changed."""
    tree = deepcopy(draw(st.sampled_from(TREES)))
    container, key = draw(st.sampled_from(list(places(tree))))
    value = container[key]
    kinds = ["nothing"]
    kinds += [] if isinstance(value, dict) else ["empty"]  # every key that is left out is one thing that is wrong
    kinds += ["left out", *(["key"] if len(key) > 2 else [])] if isinstance(container, dict) else []
    kinds += ["word"] if isinstance(value, str) and value.isidentifier() and len(value) > 2 else []
    kinds += ["expression"] if isinstance(value, str) and "$" in value else []
    kinds += ["number"] if isinstance(value, int) and not isinstance(value, bool) else []
    kind = draw(st.sampled_from(kinds))
    assume(not (kind == "left out" and key in {"blocks", "extends"}))  # all that it has of them is missing then
    if kind == "key":
        slip = draw(typos(key))
        assume(slip not in container)
        entries = list(container.items())
        container.clear()
        container.update((slip if old == key else old, inner) for old, inner in entries)
    elif kind == "left out":
        del container[key]
    elif kind == "expression":
        container[key] = draw(st.sampled_from([f"{value} / 0", "$nobody", f"{value} +", value.replace("$", "$x", 1)]))
    elif kind == "number":
        # Not larger windows: what the map is too small for may be several layers, each with an error of its own.
        others = [] if key in _WINDOWS else [value + 1, value * 7 + 1]
        container[key] = draw(st.sampled_from([0, -1, "wide", [1, 2, 3], *others]))
    else:
        container[key] = draw(typos(value)) if kind == "word" else {} if kind == "empty" else None
    return to_yaml(tree), f"{kind} at {key}: {value!r}"[:200]


@given(mutants())
@settings(max_examples=150)
def test_one_change_is_one_error_if_it_is_any(mutant: tuple[str, str]) -> None:
    text, change = mutant
    try:
        NetworkSpec.from_text(text)
    except SpecError as error:
        # An anchor is written out here where it is used, so that what is wrong with it may be there more than once.
        assert len({problem.message for problem in error.problems}) == 1, f"{change}\n{error}"  # noqa: PT017
