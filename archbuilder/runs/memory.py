"""Free memory, and recognition of out-of-memory errors."""

import sys
from pathlib import Path

import torch

_MESSAGES = (
    "can't allocate memory",
    "out of memory",
    "not enough memory",
    "could not create a memory",
    "std::bad_alloc",
    "STATUS_ALLOC_FAILED",  # of cuDNN and cuBLAS
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error is out of memory; on a CPU these have no type of their own."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _MESSAGES)


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of a device; None if unknown."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = Path("/proc/meminfo")
    if device.type != "cpu" or not found.exists():
        return None
    available = [line.split()[1] for line in found.read_text().splitlines() if line.startswith("MemAvailable:")]
    return min(int(available[0]) * 1024, _room_below_limit()) if available else None


def _room_below_limit() -> int:
    """Return the bytes left below the limit of the address space, as set by `ulimit -v`."""
    if sys.platform == "win32":
        return sys.maxsize
    import resource  # noqa: PLC0415 - Windows has none

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return max(0, limit - pages * resource.getpagesize())
