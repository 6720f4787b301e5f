"""`docs/data.md` says what is true: its addresses parse, its code prints what it shows, its errors are real."""

import contextlib
import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from archbuilder.data import SOURCES, ImageSet, RawData, check_address, check_fits, load_data
from archbuilder.data.decode import SUFFIXES
from archbuilder.data.images import MOST_HELD
from archbuilder.data.splits import split
from archbuilder.errors import ArchbuilderError

GUIDE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def blocks(language: str, text: str = GUIDE) -> list[str]:
    """Give the blocks of a language; those of none are looked for among all."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block for name, block in found if name == language]


def section(title: str) -> str:
    return re.split(r"^#+ ", GUIDE.partition(f"# {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_the_code_prints_what_is_shown() -> None:
    (code,), (text,) = blocks("python"), blocks("text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "data.md", "exec"), {})
    assert printed.getvalue() == text


def test_every_kind_is_in_the_table_and_has_an_example_that_parses() -> None:
    rows = re.findall(r"^\| (`.*?) \|", GUIDE, re.MULTILINE)
    named = [form.partition(":")[0] for row in rows for form in re.findall(r"`([^`]+)`", row)]
    assert sorted(set(named)) == list(SOURCES)
    for kind in SOURCES:
        if kind != "digits":
            heading = "cifar10, cifar100" if kind.startswith("cifar") else kind
            examples = [line for line in blocks("", section(heading))[0].splitlines() if line.startswith(f"{kind}:")]
            assert examples, kind
            assert all(check_address(example).kind == kind for example in examples)


def test_the_images_that_count_are_named() -> None:
    (listed,) = re.findall(r"^- Files that end in (.*?) are images", GUIDE, re.MULTILINE | re.DOTALL)
    assert {f".{suffix}" for suffix in re.split(r", | or ", listed)} == SUFFIXES


def test_memory_is_what_is_said() -> None:
    assert f"more than {MOST_HELD >> 30} GiB" in GUIDE
    assert f"{70_000 * 28 * 28 / 1e6:.0f} MB" in GUIDE


@pytest.mark.parametrize(
    ("own", "row"),
    [
        ((), "neither"),
        (("test",), "a test split"),
        (("validation",), "a validation split"),
        (("validation", "test"), "both"),
    ],
)
def test_the_shares_are_what_is_cut(own: tuple[str, ...], row: str) -> None:
    labels = torch.arange(200) % 2
    images = ImageSet(torch.zeros(200, 1, 1, 1), labels)
    given: dict[str, Any] = {part: images.take(torch.arange(6)) for part in own}
    done = split("x", RawData(images, ("a", "b"), **given), seed=0)
    found = {"validation": len(done.validation), "test": len(done.open_test())}
    shown = ["its own" if part in own else f"{found[part] / 2:.0f} %" for part in found]
    assert f"| {row} | {shown[0]} | {shown[1]} |" in GUIDE


def photos() -> None:
    for path, size in (("cats/1", (48, 64)), ("cats/2", (48, 64)), ("dogs/1", (30, 40))):
        file = Path(f"photos/{path}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros(size, dtype=np.uint8)).save(file)
    load_data("folder:photos")


def interrupted() -> None:
    Path("mnist").mkdir()
    for part in ("train", "t10k"):
        header = struct.pack(">4I", 0x803, 60_000, 28, 28)
        Path(f"mnist/{part}-images-idx3-ubyte").write_bytes(header + bytes(984))
        Path(f"mnist/{part}-labels-idx1-ubyte").write_bytes(b"")
    load_data("idx:mnist")


def bare() -> None:
    load_data("photos/train")


def misfit() -> None:
    check_fits(load_data("digits"), input_shape=(3, 224, 224), classes=1000)


@pytest.mark.parametrize(("number", "cause"), [(0, photos), (1, interrupted), (2, bare), (3, misfit)])
def test_the_errors_are_real(
    number: int, cause: Callable[[], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = blocks("", section("Errors"))
    assert len(shown) == 4
    with pytest.raises(ArchbuilderError) as caught:
        cause()
    assert f"{caught.value}\n" == shown[number]
