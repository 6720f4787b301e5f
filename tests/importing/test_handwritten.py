# mypy: disable-error-code="no-any-return"
"""Modules as people write them: functional calls, loops, residuals, dense connections, attention, shuffles."""

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from archbuilder import from_module
from archbuilder.importing import import_module, importer
from archbuilder.importing.tree import Members
from archbuilder.importing.verify import _difference
from archbuilder.modules.layers import StochasticDepth

SHAPE = (3, 16, 16)


class Functional(nn.Module):
    """Functional relu, pools and dropout; an addition in place; a layer without a name for its relu."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x), inplace=True)
        x = F.max_pool2d(x, 2)
        x += self.conv2(x)
        x = F.relu(x)
        x = F.adaptive_avg_pool2d(x, 1)
        x = x.view(x.size(0), -1)
        return self.fc(F.dropout(x, 0.3, training=self.training))


class Residual(nn.Module):
    """The residual block of everybody, with a downsample that may be None."""

    def __init__(self, inner: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inner != out:
            self.downsample = nn.Sequential(nn.Conv2d(inner, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        y += identity
        return self.relu(y)


class Residuals(nn.Module):
    """A loop over a list, one activation for all, and a head by mean."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU()
        widths = [(8, 8, 1), (8, 16, 2), (16, 16, 1), (16, 16, 1)]
        self.blocks = nn.ModuleList([Residual(*each) for each in widths])
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean([2, 3]))


class Dense(nn.Module):
    """Dense connections by a growing list."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.layers = nn.ModuleList([nn.Conv2d(4 + 2 * n, 2, 3, padding=1) for n in range(4)])
        self.fc = nn.Conv2d(12, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for layer in self.layers:
            features.append(torch.relu(layer(torch.cat(features, 1))))
        return self.fc(torch.cat(features, 1)).mean((2, 3))


class Attention(nn.Module):
    """Squeeze and excitation with linear layers, which makes vectors of maps and maps of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.excite = nn.Sequential(nn.Linear(8, 2), nn.ReLU(), nn.Linear(2, 8), nn.Sigmoid())
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        n, c, _, _ = x.shape
        gate = self.excite(self.pool(x).view(n, c)).view(n, c, 1, 1)
        x = x * gate.expand_as(x)
        return self.fc(torch.flatten(self.pool(x), 1))


class Shuffle(nn.Module):
    """Half of the channels, convolved, and shuffled by view and transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 1)
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.BatchNorm2d(4))
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(1):
            kept, worked = x.chunk(2, dim=1)
            x = torch.cat((kept, self.branch(worked)), dim=1)
            n, c, h, w = x.size()
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        return self.fc(x.mean(3).mean(2)) if x.shape[1] > 100 else self.fc(x.mean((-2, -1)))


class Pyramid(nn.Module):
    """Upsampling to the size of an earlier map, which is added: a map comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(3, 4, 3, 2, 1)
        self.down2 = nn.Conv2d(4, 4, 3, 2, 1)
        self.side = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(a)
        return self.side(a) + F.interpolate(b, size=a.shape[-2:], mode="nearest")


class ChannelsLast(nn.Module):
    """ConvNeXt's block: permuted to channels last for a layer norm and linear layers, with layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.dwconv = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.up = nn.Linear(8, 32)
        self.down = nn.Linear(32, 8)
        self.gamma = nn.Parameter(1e-6 * torch.ones(8))
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.down(F.gelu(self.up(self.norm(y))))
        y = (self.gamma * y).permute(0, 3, 1, 2)
        return self.fc((x + y).mean([-2, -1]))


class Mixed(nn.Module):
    """Padding by F.pad, a leaky relu with a slope, arithmetic with numbers, and branches that share a beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2)
        self.act = nn.LeakyReLU(0.1)
        self.a = nn.Conv2d(6, 6, 1)
        self.b = nn.Conv2d(6, 6, 1)
        self.c = nn.Conv2d(6, 6, 1)
        self.fc = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.conv1(F.pad(x * 2 - 1, (0, 1, 0, 1))))
        a = self.a(x)
        b = self.b(a) - x
        c = 0.5 * self.c(a)
        return self.fc(torch.cat([b + c, a], dim=1).mean((2, 3)))


class Aux(nn.Module):
    """A head that training returns beside the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, stride=2)
        self.conv2 = nn.Conv2d(6, 6, 3, stride=2)
        self.aux = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))
        self.fc = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        early = torch.relu(self.conv1(x))
        logits = self.fc(torch.relu(self.conv2(early)).mean((2, 3)))
        if self.training:
            return logits, self.aux(early)
        return logits


MODULES: list[Callable[[], nn.Module]] = [
    Functional, Residuals, Dense, Attention, Shuffle, Pyramid, ChannelsLast, Mixed, Aux,
]  # fmt: skip


@pytest.mark.parametrize("make", MODULES)
def test_a_module_of_a_person_comes_through_exactly(make: Callable[[], nn.Module]) -> None:
    module = make()
    imported = import_module(module, SHAPE)
    assert imported.comparison.differences == ()
    network = imported.spec.build().eval()
    assert list(network.state_dict()) == list(module.state_dict())
    network.load_state_dict(module.state_dict())
    images = torch.rand(4, *SHAPE)
    torch.testing.assert_close(network(images), module.eval()(images), rtol=1e-4, atol=1e-5)


def test_the_files_read_as_a_person_would_write_them() -> None:
    assert from_module(Residuals(), SHAPE).text == RESIDUALS
    assert from_module(Shuffle(), SHAPE).text == SHUFFLE


RESIDUALS = """\
# Imported from test_handwritten.Residuals.
name: Residuals
input: {channels: 3, height: 16, width: 16}
classes: 4

blocks:
  residual:
    parameters: {out: width, stride: {type: size, default: 1}}
    body:
      - add:
          - - {name: conv1, type: convolution, out: $out, kernel: 3, stride: $stride, padding: 1, bias: false}
            - {name: bn1, type: batch_norm}
            - {name: relu, type: activation}
            - {name: conv2, type: convolution, out: $out, kernel: 3, padding: 1, bias: false}
            - {name: bn2, type: batch_norm}
          - - name: downsample
              when: $stride != 1 or $in != $out
              sequence:
                - {type: convolution, out: $out, kernel: 1, stride: $stride, bias: false}
                - {type: batch_norm}
      - {name: relu2, type: activation}

layers:
  - {name: stem, type: convolution, out: 8, kernel: 3, padding: 1, bias: false}
  - {name: norm, type: batch_norm}
  - {name: act, type: activation}
  - {name: blocks, sequence: [{type: residual, out: 8}, {type: residual, repeat: 3, out: 16, first: {stride: 2}}]}
  - {name: mean, type: spatial_mean}
  - {name: head, type: linear, out: $classes}
"""
SHUFFLE = """\
# Imported from test_handwritten.Shuffle.
name: Shuffle
input: {channels: 3, height: 16, width: 16}
classes: 3

layers:
  - {name: stem, type: convolution, out: 8, kernel: 1}
  - split: 2
    concat:
      - []
      - - name: branch
          sequence:
            - {type: convolution, out: $in_channels, kernel: 3, padding: 1, groups: $in_channels}
            - {type: batch_norm}
  - {name: shuffle, type: channel_shuffle, groups: 2}
  - {name: mean, type: spatial_mean}
  - {name: fc, type: linear, out: $classes}
"""


def test_a_dense_block_is_a_chain_of_concatenations() -> None:
    text = from_module(Dense(), SHAPE).text
    assert "from:" not in text
    assert text.count("concat:") == 4


def test_a_head_is_an_auxiliary_classifier() -> None:
    plan = from_module(Aux(), SHAPE).plan()
    assert [head.name for head in plan.heads] == ["aux"]
    assert plan.head_parameters == 21


def test_widths_are_searchable_and_the_network_follows() -> None:
    spec = from_module(Residuals(), SHAPE)
    wider = spec.set({name: value * 2 for name, value in spec.widths.items()})
    assert wider.build()(torch.rand(2, *SHAPE)).shape == (2, 4)


class Doubled(nn.Module):
    """A value that is multiplied and used twice, once as a copy to which something is added."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x) * 2
        return y + (y.clone() + 3)


class NumpyNames(nn.Module):
    """Arguments by the names that numpy gives them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.gate = nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x = torch.cat((x, torch.add(input=x, other=1.0)), axis=1)  # type: ignore[call-arg]
        x = torch.mul(x, self.gate(x.mean(axis=(2, 3), keepdims=True)))  # type: ignore[call-overload]
        return F.softmax(torch.mean(input=x, axis=(2, 3)), dim=1)  # type: ignore[call-overload]


@pytest.mark.parametrize("module", [Doubled(), NumpyNames()])
def test_a_way_to_write_it_comes_through_exactly(module: nn.Module) -> None:
    assert import_module(module, SHAPE).comparison.differences == ()


def test_several_factors_and_offsets_in_a_row_are_one_layer() -> None:
    class Row(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return ((x * 2).contiguous() + 3) * 4

    assert [layer.name for layer in from_module(Row(), SHAPE).plan().layers] == ["rescale"]


class DeepHead(nn.Module):
    """A head behind a residual that training leaves out at random, and behind dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.inner = nn.Conv2d(4, 4, 1)
        self.depth = StochasticDepth(0.5)
        self.aux = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.conv(x)
        x = F.dropout(x + self.depth(self.inner(x)), 0.5, self.training)
        out = self.fc(x.mean((2, 3)))
        return (out, self.aux(x)) if self.training else out


def test_a_head_behind_what_is_random_in_training_is_compared() -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        comparison = import_module(DeepHead(), SHAPE).comparison
        assert comparison.differences == ()
        assert comparison.error is not None
        assert comparison.error < 1e-4


def test_outputs_that_are_no_numbers_are_apart() -> None:
    numbers, none = torch.tensor([1.0, 2.0]), torch.tensor([1.0, float("nan")])
    assert _difference(numbers, numbers) == 0
    assert _difference(numbers, none) == _difference(none, numbers) == float("inf")
    assert max(0.0, _difference(numbers, none)) == float("inf")


class Layers(nn.Module):
    """Layers in a row, as many as are asked for."""

    def __init__(self, inner: int, *widths: int) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        for width in widths:
            self.layers.append(nn.Conv2d(inner, width, 1))
            inner = width

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class Rows(nn.Module):
    """Rows of other lengths, the last of which gives the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.ModuleList([Layers(3, 8, 4), Layers(4, 8, 4), Layers(4, 5)])

    def forward(self, x: Tensor) -> Tensor:
        for row in self.rows:
            x = row(x)
        return x.mean((2, 3))


def test_rows_of_other_lengths_are_folded_where_they_are_alike() -> None:
    imported = import_module(Rows(), SHAPE)
    assert imported.comparison.differences == ()
    assert imported.notes == ()
    assert "repeat: 2" in imported.spec.text


def test_a_note_says_why_nothing_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(members: Members, *_: object, **__: object) -> Members:
        return [{**each, "bias": True} if each.get("name") == "stem" else each for each in members]

    monkeypatch.setattr(importer, "with_idioms", wrong)
    imported = import_module(Residuals(), SHAPE)
    assert imported.comparison.differences == ()
    (note,) = imported.notes
    assert note.startswith("every layer is written out (folded, stem is torch.nn.Conv2d(3, 8, ")
    assert note.endswith("bias=False) of 8 x 16 x 16)")


class Noisy(nn.Module):
    """Adds noise in training alone, and drops as the functional does."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + 0.1 * torch.randn_like(x)
        x = F.dropout(x.mean((2, 3)), 0.3, self.training)
        return self.fc(x)


def test_what_only_training_does_is_noted() -> None:
    imported = import_module(Noisy(), (3, 8, 8), name="noisy")
    (note,) = imported.notes
    source, first = inspect.getsourcelines(Noisy.forward)
    place = f"{__file__}:{first + 1}"
    assert source[1].strip() == "if self.training:"
    assert note == f"Noisy ({place}) does something else in training, which the spec lacks"
