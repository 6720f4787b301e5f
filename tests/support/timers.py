"""Timers of networks, for studies with a budget on latency."""

import os
from pathlib import Path

from archbuilder.plan.plan import Plan
from archbuilder.training import Machine


def logged_timer(log: Path, plan: Plan, machine: Machine, batch_size: int) -> int:
    """Time a network by a formula, and write down the process that did."""
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    return 200 + plan.macs // 10
