"""Predictions of pictures as lines, CSV or JSON on standard output; what cannot be read goes to standard error."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from archbuilder.runs.predicting import Prediction, Unreadable

Found = Iterable[Prediction | Unreadable]


def show_lines(found: Found) -> int:
    """Print a line for each picture as soon as it is predicted; return how many cannot be read."""
    failed: list[Unreadable] = []
    for each in _readable(found, failed):
        print(each, flush=True)
    return len(failed)


def show_csv(found: Found) -> int:
    """Print a row for each class of each picture; return how many pictures cannot be read."""
    failed: list[Unreadable] = []
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["file", "rank", "class", "probability"])
    for each in _readable(found, failed):
        writer.writerows([each.file, rank, name, value] for rank, (name, value) in enumerate(each.classes, 1))
    return len(failed)


def show_json(found: Found) -> int:
    """Print a list with an entry for each picture, in order; return how many cannot be read."""
    failed: list[Unreadable] = []
    rows: list[dict[str, Any]] = []
    for each in found:
        if isinstance(each, Unreadable):
            rows.append({"file": each.file, "error": each.reason})
            failed += [each]
            print(each.reason, file=sys.stderr, flush=True)
        else:
            classes = [{"class": name, "probability": value} for name, value in each.classes]
            rows.append({"file": each.file, "predictions": classes})
    print(json.dumps(rows, indent=2))
    return len(failed)


def _readable(found: Found, failed: list[Unreadable]) -> Iterator[Prediction]:
    """Yield what was predicted; the rest is printed on standard error, and appended to a list."""
    for each in found:
        if isinstance(each, Unreadable):
            failed.append(each)
            print(each.reason, file=sys.stderr, flush=True)
        else:
            yield each
