"""The searches that are measured: shipped studies of Fashion-MNIST on few of its images."""

import argparse
import gzip
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from archbuilder.errors import Source
from archbuilder.searching import Outcome, TrialEnded
from archbuilder.searching.events import Event
from archbuilder.study.reading import load_study, read_study
from archbuilder.study.study import Study

VALIDATION = 4000
"""How many images validate."""
_SOURCE = Path("/usr/share/datasets/fashion-mnist")
_RESULTS = Path(__file__).parent / "SEARCH.md"
_Protocol = TypeVar("_Protocol", bound=Any)
_CONCLUSIONS = "\n### Conclusions\n"


def changed_study(folder: Path, images: int, changes: Mapping[str, str], name: str = "fashion_ladder") -> Study:
    """Give a shipped study on some of the images, with other things of its text changed.

    Args:
        folder: Where the images are written.
        images: How many train.
        changes: What stands in the text, and what is to stand there instead.
        name: Of the study; the ladder by default.
    """
    shipped = load_study(name)
    address = f"npz:{_few_images(folder, images).resolve()}"
    text = shipped.source.text
    for old, new in {"idx:/usr/share/datasets/fashion-mnist": address, **changes}.items():
        assert old in text, f"{shipped.source.name} has no {old} any more"
        text = text.replace(old, new)
    return read_study(Source(f"{name}.yaml", text), shipped.spec)


def _few_images(folder: Path, count: int) -> Path:
    """Write some of the training images, others for validation, and all test images as one file; give it."""
    path = folder / f"fashion_{count}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        images, labels = read_fashion("train")
        order = np.random.default_rng(1).permutation(len(labels))
        train, validation = order[:count], order[count : count + VALIDATION]
        test_images, test_labels = read_fashion("t10k")
        np.savez(
            path,
            train_images=images[train],
            train_labels=labels[train],
            val_images=images[validation],
            val_labels=labels[validation],
            test_images=test_images,
            test_labels=test_labels,
        )
    return path


def read_fashion(part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the images of Fashion-MNIST and their labels: of `train`, or of `t10k`, which are to test."""
    images = gzip.decompress((_SOURCE / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((_SOURCE / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)


def show(event: Event) -> None:
    """Print a line for every trial that is over."""
    if isinstance(event, TrialEnded) and event.trial.outcome is not Outcome.OPEN:
        accuracy = f"{event.trial.accuracy:.4f}" if event.trial.accuracies else "—"
        print(f"#{event.trial.number} {event.trial.outcome} {event.trial.cost['macs']:,} {accuracy}", flush=True)


def share(value: float) -> str:
    """Say a share in percent; infinite is never."""
    return "never" if value == float("inf") else f"{100 * value:.0f} %"


def asked(description: str | None, protocol: _Protocol) -> tuple[Path, _Protocol, bool]:
    """Read the command line: the folder of the studies, how much is trained, whether what comes out is published.

    Args:
        description: What the script does.
        protocol: How much is trained unless options say otherwise: a dataclass of numbers, each an option.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    amounts = asdict(protocol)
    for name, default in amounts.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true")
    options = vars(parser.parse_args())
    return options["folder"], replace(protocol, **{name: options[name] for name in amounts}), options["write"]


def publish(section: str, text: str) -> None:
    """Replace the results of a section of benchmarks/SEARCH.md; its conclusions stay.

    Args:
        section: Its heading.
        text: The results.
    """
    before, mark, rest = _RESULTS.read_text().partition(f"\n## {section}\n")
    own, following, after = rest.partition("\n## ")
    _, heading, comment = own.partition(_CONCLUSIONS)
    assert mark, f"{_RESULTS.name} has no section {section}"
    assert heading, f"the section {section} of {_RESULTS.name} has no conclusions"
    _RESULTS.write_text(f"{before}{mark}\n{text}\n{heading}{comment}{following}{after}")
