"""Problems and what they say."""

import copy
import pickle

import pytest

from archbuilder import ArchbuilderError, NetworkSpec, Problem, SpecError
from archbuilder.errors import Location, Source, Span, raise_if_any

SOURCE = Source("mine.yaml", "a: 1\nb: 2\nc: 3\n")


def problem(offset: int, message: str = "wrong", path: str = "") -> Problem:
    return Problem(message, Location(SOURCE, Span(offset, offset + 1)), path)


def test_a_problem_with_a_place() -> None:
    found = Problem("wrong", Location(SOURCE, Span(8, 9)), "b", ("first note", "second note"))
    assert str(found) == "mine.yaml:2:4  b\n  2 │ b: 2\n    │    ^ wrong\n  first note\n  second note"


def test_a_problem_without_a_place() -> None:
    assert str(Problem("wrong", notes=("a note",))) == "wrong\n  a note"
    assert str(Problem("wrong", path="b.c")) == "b.c: wrong"


def test_a_path_cannot_move_the_cursor() -> None:
    assert str(problem(8, path="b.\x1b[2J")).splitlines()[0] == "mine.yaml:2:4  b.·[2J"


def test_problems_are_counted() -> None:
    assert str(SpecError([problem(3)])).endswith("\n1 error")
    assert str(SpecError([problem(3), problem(8)])).endswith("\n2 errors")


def test_problems_are_in_the_order_of_the_file_each_said_once() -> None:
    nowhere = Problem("no place")
    with pytest.raises(SpecError, match=r"3 errors$") as caught:
        raise_if_any([problem(13), problem(3), nowhere, problem(13)])
    assert [found.where.line if found.where else 0 for found in caught.value.problems] == [0, 1, 3]


def test_no_problem_is_no_error() -> None:
    raise_if_any([])


def test_two_problems_of_one_place_are_two() -> None:
    with pytest.raises(SpecError, match=r"2 errors$"):
        raise_if_any([problem(3, "one"), problem(3, "two")])


@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_can_be_sent_to_another_process(again: object) -> None:
    assert callable(again)
    with pytest.raises(SpecError, match="unknown layer type") as caught:
        NetworkSpec.from_text(
            "input: {channels: 1, height: 8, width: 8}\nclasses: 3\nlayers: [3, type: cnov]\n", "a.yaml"
        )
    copied = again(caught.value)
    assert type(copied) is SpecError
    assert str(copied) == str(caught.value)
    assert [str(found) for found in copied.problems] == [str(found) for found in caught.value.problems]
    assert [found.where.line for found in copied.problems if found.where] == [3, 3]


def test_every_error_is_one_a_user_can_mend() -> None:
    assert issubclass(SpecError, ArchbuilderError)
    assert issubclass(ArchbuilderError, ValueError)
