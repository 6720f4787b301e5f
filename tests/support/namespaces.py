"""A network of this machine's own, which can be cut."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])  # of the test process: each has its own network
NAME, _OUTER, _INNER = f"archbuilder-cut{_NUMBER}", f"abcut{_NUMBER}out", f"abcut{_NUMBER}in"
OUTSIDE, INSIDE, NETWORK = (f"10.213.{_NUMBER % 256}.{last}" for last in ("1", "2", "0/24"))
NEEDED = [
    pytest.mark.skipif(not os.environ.get("ARCHBUILDER_TESTS_FAULTS"), reason="takes minutes: make faults"),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None, reason="makes network namespaces"
    ),
]
"""The marks of tests that cut networks."""


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=not check)


@contextmanager
def namespace() -> Iterator[str]:
    """Give a network namespace that is joined to this one by a pair of devices."""
    ip("link", "del", _OUTER, check=False)
    ip("netns", "del", NAME, check=False)
    try:
        ip("netns", "add", NAME)
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not allowed here")
    try:
        ip("link", "add", _OUTER, "type", "veth", "peer", "name", _INNER, "netns", NAME)
        ip("addr", "add", f"{OUTSIDE}/24", "dev", _OUTER)
        ip("link", "set", _OUTER, "up")
        ip("-n", NAME, "addr", "add", f"{INSIDE}/24", "dev", _INNER)
        ip("-n", NAME, "link", "set", _INNER, "up")
        yield NAME
    finally:
        ip("link", "del", _OUTER, check=False)  # it would outlive the namespace with the last process there
        ip("netns", "del", NAME)


def cut(seconds: float) -> None:
    """Cut the network, and join it again."""
    ip("link", "set", _OUTER, "down")
    time.sleep(seconds)
    ip("link", "set", _OUTER, "up")
