"""The playground: a local page on which a spec is seen, changed and searched while one types.

What takes time, or may fail, runs in processes of its own (`worker.py`, `studies.py`): these are asked with text, and
answer with plain data. `document.py` is what is open, `guard.py` who may see it, `page` how it is shown.
"""
