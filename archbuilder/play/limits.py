"""How large and how slow things may be that a page asks for."""

MOST_CHARACTERS = 200_000
"""Of a text that is edited; specs that are larger can be checked on the command line."""
MOST_ROWS = 1_000
"""Of the cost table."""
LARGEST_DRAWING = 4_000_000
"""Characters of an SVG that is sent to a page."""
LARGEST_MESSAGE = 2_000_000
"""Bytes of a message of a page."""
LARGEST_PICTURE = 20_000_000
"""Bytes of a picture whose class is predicted."""
MOST_DOCUMENTS = 12
"""Open at the same time."""
PATIENCE = 30.0
"""Seconds after which a plan is given up."""
LINT_PATIENCE = 60.0
"""Seconds after which the linter is given up."""
LARGEST_METRICS = 20_000_000
"""Bytes of a run's metrics."""
LARGEST_JOURNAL = 500_000_000
"""Bytes of a study's journal."""
LARGEST_CHECKPOINT = 4_000_000_000
"""Bytes of a run's weights."""
MOST_PIXELS = 50_000_000
"""Of a picture, which may be small as a file."""
MOST_ENTRIES = 20_000
"""Of a folder that is looked through."""
MOST_LISTED = 200
"""Names in a list."""
MOST_MARKS = 100
"""Errors of a text that are shown."""
MOST_FINDINGS = 100
"""Findings of the linter that are shown."""
MOST_TRIALS = 300
"""Trials in a table."""
MOST_POINTS = 3_000
"""Trials in a chart."""
MOST_SEARCHES = 4
"""That run at the same time."""
READER_PATIENCE = 120.0
"""Seconds for a study to be read or a picture to be predicted, importing torch included."""
LARGEST_PROCESS = 6 << 30
"""Bytes of address space of a process that plans."""
