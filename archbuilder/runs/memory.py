"""How much memory there is, and how to tell that it did not suffice."""

import sys
from pathlib import Path

import torch

_SAID = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "could not create a memory",
    "std::bad_alloc",
    "STATUS_ALLOC_FAILED",  # of cuDNN and cuBLAS
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice; a CPU's are no type of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID)


def free_memory(device: torch.device) -> int | None:
    """Return how many bytes a process may still take on a device; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = Path("/proc/meminfo")
    if device.type != "cpu" or not found.exists():
        return None
    available = [line.split()[1] for line in found.read_text().splitlines() if line.startswith("MemAvailable:")]
    return min(int(available[0]) * 1024, _room_below_limit()) if available else None


def _room_below_limit() -> int:
    """Return what a limit on the address space leaves, as `ulimit -v` sets one."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource  # noqa: PLC0415 - Windows has none

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return max(0, limit - pages * resource.getpagesize())
