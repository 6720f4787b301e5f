"""What the playground's answers take, in ratios to fvcore's trace of GoogLeNet: `python -m benchmarks.play`.

Both are timed in turn, so that a machine whose speed drifts slows both. A keystroke is a text that was never seen: it
is read, planned, drawn, and its table and amounts made. A slider's step is the text with a width, and its amounts,
memory included; table and drawing follow it. A step of a kernel plans the network. The last column is what was
promised, on the machine of RESULTS.md.
"""

import warnings
from collections.abc import Callable
from itertools import count, cycle
from statistics import median

import archbuilder
from archbuilder.crosscheck.fvcore_count import count_with_fvcore
from archbuilder.drawing.drawing import draw
from archbuilder.play.analysis import Look, Text, analyze
from archbuilder.play.changes import find, set_value, step
from benchmarks.__main__ import timed

PAIRS = 15
_NUMBERS = count()


def fresh(name: str) -> Text:
    """Return a shipped spec as a text that was not analyzed before."""
    source = archbuilder.load(name).document.source
    return Text(name, f"{source.text}\n# {next(_NUMBERS)}\n", source.path)


def keystroke(name: str) -> Callable[[], object]:
    texts = iter([fresh(name) for _ in range(PAIRS + 1)])
    return lambda: analyze(next(texts), Look())


def width_step(name: str) -> Callable[[], object]:
    text, values = fresh(name), count(8)
    width = next(iter(archbuilder.load(name).widths))
    return lambda: step(text, {width: next(values)}, width)


def kernel_step(name: str) -> Callable[[], object]:
    text, values, spec = fresh(name), cycle((5, 3)), archbuilder.load(name)
    kernel = next(f"{layer.name}.kernel" for layer in spec.plan().layers if layer.type == "conv")
    return lambda: set_value(text, kernel, next(values))


def lint(name: str) -> Callable[[], object]:
    texts = iter([fresh(name) for _ in range(PAIRS + 1)])
    return lambda: find(next(texts))


def main() -> None:
    warnings.simplefilter("ignore")
    spec, deep, dense = "googlenet", "inception_resnet_v2_timm", "densenet121_torchvision"
    traced = archbuilder.load(spec).build(aux=False).eval()
    drawn = archbuilder.load(dense)
    rows: list[tuple[str, Callable[[], object], str]] = [
        (f"a keystroke, {spec}", keystroke(spec), "100 ms"),
        (f"a keystroke, {deep}", keystroke(deep), "300 ms"),
        (f"a slider's step, {spec}", width_step(spec), "30 ms"),
        (f"a slider's step, {deep}", width_step(deep), "30 ms"),
        (f"a kernel's step, {spec}", kernel_step(spec), ""),
        (f"a kernel's step, {deep}", kernel_step(deep), ""),
        (f"the linter, beside it, {spec}", lint(spec), ""),
        (f"the linter, beside it, {deep}", lint(deep), ""),
        (f"a drawing, {dense}", lambda: draw(drawn), "1,000 ms"),
    ]
    print(f"{'what':50} {'time':>10} {'of a trace':>11}  promised")
    for what, function, promised in rows:
        function()
        pairs = [(timed(function), timed(lambda: count_with_fvcore(traced, (3, 224, 224)))) for _ in range(PAIRS)]
        seconds, ratio = median(pair[0] for pair in pairs), median(pair[0] / pair[1] for pair in pairs)
        print(f"{what:50} {1000 * seconds:7.1f} ms {ratio:11.3f}  {promised}")


if __name__ == "__main__":
    main()
