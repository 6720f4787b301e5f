"""What a GPU gains, measured in alternation and as ratios: `python -m benchmarks.gpu [--device cpu --tiny]`.

Each pair of ways to train a network takes steps in turn on the same random images; a figure is the median of the
ratios.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

import archbuilder

Step = Callable[[], None]
_STEPS = 10  # of one timing


def training_step(name: str, batch: int, device: torch.device, dtype: torch.dtype, form: torch.memory_format, *,
                  compiled: bool = False) -> Step:  # fmt: skip
    """Make a function that takes one step of SGD on random images: N x C x H x W."""
    spec = archbuilder.load(name)
    network = spec.build(aux=False).to(device, memory_format=form).train()  # type: ignore[call-overload]
    images = torch.rand(batch, *spec.plan().input_shape, device=device).contiguous(memory_format=form)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4)
    runs: Callable[[Tensor], Tensor] = torch.compile(network) if compiled else network

    def step() -> None:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
            loss = nn.functional.cross_entropy(runs(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def seconds(step: Step, device: torch.device, steps: int) -> float:
    """Time some steps."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def compare(one: Step, other: Step, device: torch.device, pairs: int, steps: int) -> tuple[float, float]:
    """Time two steps in turn; give by how much the other is faster, and how long it takes in seconds."""
    seconds(one, device, 2)  # slow the first times: kernels are chosen and compiled
    seconds(other, device, 2)
    found = [(seconds(one, device, steps), seconds(other, device, steps)) for _ in range(pairs)]
    return median(a / b for a, b in found), median(b for _, b in found) / steps


def main() -> None:
    """Print a table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="a small network, few images and steps: does it run?")
    chosen = parser.parse_args()
    device = torch.device(chosen.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("there is no GPU that torch can use here: --device cpu --tiny sees whether this runs")
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else "a CPU"
    pairs, steps = (1, 1) if chosen.tiny else (5, _STEPS)
    print(f"torch {torch.__version__} on {machine}; ratios of {pairs} pairs of {steps} steps")
    sizes = {"inception_digits": 8} if chosen.tiny else {"inception_small_32": 512, "googlenet": 128}
    last, flat = torch.channels_last, torch.contiguous_format
    half = [torch.bfloat16] if device.type == "cpu" else [torch.bfloat16, torch.float16]
    for name, batch in sizes.items():
        plain = training_step(name, batch, device, torch.float32, flat)
        ways = {"float32 channels_last": training_step(name, batch, device, torch.float32, last)}
        for dtype in half:
            what = f"{dtype} channels_last".removeprefix("torch.")
            ways[what] = training_step(name, batch, device, dtype, last)
        if not chosen.tiny:
            compiled = training_step(name, batch, device, torch.bfloat16, last, compiled=True)
            ways["bfloat16 channels_last compiled"] = compiled
        for what, step in ways.items():
            ratio, took = compare(plain, step, device, pairs, steps)
            speed = f"{batch / took:9,.0f} images/s"
            print(f"{name:20} batch {batch:4}  {what:32} {ratio:5.2f} times float32 contiguous  {speed}")


if __name__ == "__main__":
    main()
