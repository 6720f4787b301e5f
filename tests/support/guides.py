"""What the guides in `docs` show, which tests run."""

import re


def code_blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a guide, or of a part of it, that are marked with a language."""
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
