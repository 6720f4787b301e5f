"""A network of this machine's own, which can be cut."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NAME, OUTSIDE, INSIDE, NETWORK = "archbuilder-cut", "10.213.7.1", "10.213.7.2", "10.213.7.0/24"
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
    ip("link", "del", "abcut0", check=False)
    ip("netns", "del", NAME, check=False)
    try:
        ip("netns", "add", NAME)
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not allowed here")
    try:
        ip("link", "add", "abcut0", "type", "veth", "peer", "name", "abcut1", "netns", NAME)
        ip("addr", "add", f"{OUTSIDE}/24", "dev", "abcut0")
        ip("link", "set", "abcut0", "up")
        ip("-n", NAME, "addr", "add", f"{INSIDE}/24", "dev", "abcut1")
        ip("-n", NAME, "link", "set", "abcut1", "up")
        yield NAME
    finally:
        ip("link", "del", "abcut0", check=False)  # it would outlive the namespace with the last process there
        ip("netns", "del", NAME)


def cut(seconds: float) -> None:
    """Cut the network, and join it again."""
    ip("link", "set", "abcut0", "down")
    time.sleep(seconds)
    ip("link", "set", "abcut0", "up")
