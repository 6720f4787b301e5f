# mypy: disable-error-code="no-any-return"
"""What cannot be imported is said, with its line in the user's code, and nothing is written."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from archbuilder import ArchbuilderError, from_module
from archbuilder.importing import import_module, verify

Run = Callable[..., "subprocess.CompletedProcess[str]"]


class Fourier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.act = nn.GELU(approximate="tanh")

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv(x))
        return torch.fft.fft2(x).abs().cumsum(1)


class DecidingByArray(nn.Module):
    """Depends on the values of the images, by way of an array."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.mean((2, 3))
        if x.detach().numpy().max() > 1:
            x = x * 2
        return self.fc(x)


class Deciding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        if x.mean() > 0:
            x = self.conv(x)
        return x.mean((2, 3))


class SharedWeights(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 3, 1)
        self.b = self.a

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x)).mean((2, 3))


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.conv(x)).mean((2, 3))


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.left = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3))


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        return [x, x.mean((2, 3))]


class Words(nn.Module):
    def forward(self, x: Tensor) -> str:
        return "a picture"


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self._conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self._conv(x).mean((2, 3))


class Interleaved(nn.Module):
    """Two lists whose members alternate: the keys of neither stand together."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, 3, 1) for _ in range(2)])
        self.norms = nn.ModuleList([nn.BatchNorm2d(3) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x))
        return x.mean((2, 3))


class Reordered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Conv2d(3, 3, 1)
        self.first = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)).mean((2, 3))


class Raising(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no such thing")


class Dropping(nn.Module):
    """Dropout that is at work in evaluation, too, as samples of a posterior need it."""

    def __init__(self, drop: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.conv(x)).mean((2, 3))


class AlwaysDropout(nn.Dropout):
    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, True)


class ListedHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.aux = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 2, 1), nn.Flatten()) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = self.conv(x)
        if self.training:
            return x.mean((2, 3)), self.aux[0](x), self.aux[1](x)
        return x.mean((2, 3))


SCRIPTED = torch.jit.trace(nn.ReLU(), torch.zeros(1, 3, 8, 8))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Fourier(), r"GELU\(approximate='tanh'\): activation has no setting for approximate='tanh'"),
        (DecidingByArray(), r"numpy of a tensor: what the code does depends on the values of the images"),
        (Deciding(), r"bool of a tensor: what the code does depends on the values of the images"),
        (SharedWeights(), r"a\.weight and b\.weight are one tensor; a\.bias and b\.bias are one tensor"),
        (Twice(), r"the weights of conv are used twice, at .*test_errors\.py:\d+"),
        (Unused(), r"the output does not depend on the weights of left\n"),
        (Several(), r"returns 2 tensors \(0, 1\); expected one tensor"),
        (Words(), r"returns no tensor; expected one tensor"),
        (Interleaved(), r"the module norms has several inputs or outputs, or runs in pieces(.|\n)*the module convs"),
        (Reordered(), r"the state-dict keys stand in another order, from second\.weight on, where the spec has first"),
        (Raising(), r"test_errors\.py:\d+(.|\n)*RuntimeError: no such thing(.|\n)*raised for images of 3 x 8 x 8"),
        (nn.Linear(3, 4), r"Linear\(in_features=3, out_features=4, bias=True\)|mat1 and mat2|works over the width"),
        (Dropping(lambda x: F.dropout(x, 0.5)), r" drops values in evaluation too: pass training=self\.training"),
        (Dropping(F.dropout2d), r"test_errors\.py:\d+(.|\n)* dropout2d drops values in evaluation too"),
        (Dropping(lambda x: torch.dropout(x, 0.5, train=True)), r" dropout drops values in evaluation too"),
        (Dropping(lambda x: F.alpha_dropout(x, 0.5, True)), r"alpha_dropout drops values in evaluation too"),
        (Dropping(AlwaysDropout()), r" dropout drops values in evaluation too"),
        (ListedHeads(), r"test_errors\.py:\d+(.|\n)*the heads 1 and 2 are both in aux\n(.|\n)*such as self\.aux1"),
        (SCRIPTED, r"a scripted module \(TorchScript\) has no Python code"),
        (nn.LazyConv2d(4, 1), r"weight is not initialized yet: run the module once"),
    ],
)
def test_a_cause_is_named(module: nn.Module, message: str) -> None:
    with pytest.raises(ArchbuilderError) as caught:
        from_module(module, (3, 8, 8))
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_a_name_that_no_layer_may_have_is_named() -> None:
    with pytest.raises(ArchbuilderError, match=r"'_conv' is reserved"):
        from_module(Named(), (3, 8, 8))


def test_all_causes_are_named_at_once_with_their_lines() -> None:
    with pytest.raises(ArchbuilderError) as caught:
        from_module(Fourier(), (3, 8, 8))
    found = str(caught.value)
    assert re.search(r"test_errors\.py:\d+:13  act\n +\d+ │         x = self\.act\(self\.conv\(x\)\)\n", found)
    assert "docs/extend.md" in found


def test_an_unequal_spec_is_given_if_it_is_asked_for() -> None:
    spec = from_module(Reordered(), (3, 8, 8), exact=False)
    assert [layer.name for layer in spec.plan().layers] == ["first", "second", "mean"]


@pytest.mark.parametrize("shape", [(3, 8), (3, 8, 0), ("3", 8, 8), (3, 8, True)])
def test_a_shape_that_is_none_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ArchbuilderError, match=r"expected \(channels, height, width\)"):
        from_module(nn.ReLU(), shape)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(ArchbuilderError, match=r"found str, expected a torch\.nn\.Module"):
        from_module("net", (3, 8, 8))  # type: ignore[arg-type]


NET = """
from torch import nn

def make():
    stem = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()
    return nn.Sequential(*stem, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))

def sized(width, depth=2):
    return nn.Conv2d(3, width, 3)

def raising():
    raise ValueError("out of paint")

def other():
    return 3

class Reordered(nn.Module):
    def __init__(self):
        super().__init__()
        self.second = nn.Conv2d(3, 3, 1)
        self.first = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.second(self.first(x)).mean((2, 3))

constant = 4
instance = make()
"""


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    name = f"net_{abs(hash(str(tmp_path)))}"  # a module of its own in each test
    (tmp_path / f"{name}.py").write_text(NET)
    return tmp_path / f"{name}.py"


def test_the_command_writes_a_spec_and_says_that_it_is_equal(net: Path, run: Run) -> None:
    for number, factory in enumerate((f"{net.stem}:make", f"{net}:make", f"{net.name}:instance")):
        done = run("import", factory, "--input", "3x16x16", "-o", f"mine{number}.yaml")
        assert done.returncode == 0, done.stderr
        assert re.search(r"mine\d\.yaml: 6 layers in 12 lines, 1 searchable width\n", done.stdout)
        assert "equal: 9 state-dict keys in order · 276 parameters · 47,072 MACs · outputs exactly" in done.stdout
        assert run("check", f"mine{number}.yaml").returncode == 0


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("{0}:sized", r"{0}:sized needs arguments: width\n  write a function without arguments and name that"),
        ("{0}:raising", r"{0}:raising raised ValueError: out of paint \(.*\.py:\d+\)"),
        ("{0}:other", r"{0}:other gave an int, expected a torch\.nn\.Module"),
        ("{0}:constant", r"{0}:constant is an int, expected a function or class"),
        ("{0}:mak", r"{0} has no 'mak'; did you mean make\?"),
        ("{0}", r"expected MODULE:FACTORY"),
        ("no_such_module:make", r"no_such_module cannot be imported: no module 'no_such_module' is installed"),
        ("no_such.py:make", r"no_such\.py: there is no such file"),
        ("weights.pt2:make", r"a saved program or checkpoint has no Python code to follow"),
        (
            "{0}:Reordered",
            r"not written: the spec is not equal to .*:Reordered:\n  the state-dict keys stand in another order",
        ),
    ],
)
def test_a_factory_that_is_none_is_an_error_and_nothing_is_written(
    factory: str, message: str, net: Path, run: Run, tmp_path: Path
) -> None:
    done = run("import", factory.format(net.stem), "--input", "3x16x16", "-o", "mine.yaml")
    assert done.returncode == 1
    assert re.search(message.replace("{0}", net.stem), done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.glob("*.yaml")) == []


def test_an_unequal_spec_is_written_anyway_and_says_so(net: Path, run: Run) -> None:
    done = run("import", f"{net.stem}:Reordered", "--input", "3x16x16", "-o", "mine.yaml", "--anyway")
    assert done.returncode == 0
    assert "NOT equal: the state-dict keys stand in another order" in done.stdout
    assert Path("mine.yaml").read_text().startswith("# Not equal to the module: the state-dict keys stand in")


def test_an_existing_file_is_not_overwritten(net: Path, run: Run) -> None:
    Path("mine.yaml").write_text("mine")
    done = run("import", f"{net.stem}:make", "--input", "3x16x16", "-o", "mine.yaml")
    assert (done.returncode, Path("mine.yaml").read_text()) == (1, "mine")
    assert "already exists" in done.stderr


def test_a_size_that_is_none_is_an_error(net: Path, run: Run) -> None:
    done = run("import", f"{net.stem}:make", "--input", "224", "-o", "mine.yaml")
    assert "found '224', expected channels x height x width, such as 3x224x224" in done.stderr


def test_a_wrong_number_of_channels_is_the_modules_own_error(net: Path, run: Run) -> None:
    done = run("import", f"{net.stem}:make", "--input", "1x16x16", "-o", "mine.yaml")
    assert done.returncode == 1
    assert re.search(r"RuntimeError: .*channels(.|\n)*raised for images of 1 x 16 x 16", done.stderr), done.stderr


def test_why_fvcore_cannot_count_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("no rule\n  for this operation")

    monkeypatch.setattr(verify, "count_with_fvcore", failing)
    comparison = import_module(nn.Sequential(nn.Conv2d(3, 4, 1)), (3, 8, 8)).comparison
    assert (comparison.macs, comparison.uncounted) == (None, "RuntimeError: no rule for this operation")
    assert comparison.differences == ()
