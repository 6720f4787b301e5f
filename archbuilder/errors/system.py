"""Advice on errors of the operating system."""

import errno

_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some of your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
}


def system_advice(error: OSError) -> str:
    """Describe what to do about a full disk and the like, on a line of its own; empty if that is not known."""
    advice = _ADVICE.get(error.errno or 0)
    return f"\n  {advice}, then run the same command again; files that were saved before are complete" if advice else ""
