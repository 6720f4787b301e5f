"""Read a page, and check that it stands alone."""

import re
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "img", "hr"}


class Reader(HTMLParser):
    """Reads a page, and refuses what is not closed.

    Attributes:
        ids: All identifiers.
        links: What links and pictures point at.
        texts: All text.
        rows: The cells of each row of each table: their text, and their value if they have one.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[tuple[str, str | None]]] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append(("", dict(attrs).get("data-value")))
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if name in {"href", "src", "xlink:href"} and value:
                self.links.append(value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if {"td", "th"} & {*self.open}:
            text, value = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data, value)


def check_alone(page: str) -> Reader:
    """Check that a page needs nothing beside it, and that all within it is found; return what it says."""
    read = Reader(page)
    assert len(read.ids) == len(set(read.ids))
    for link in read.links:
        assert link.startswith("data:") or link[1:] in read.ids, link
    assert not re.search(r"<script[^>]+src|@import|https?://(?!www\.w3\.org)", page)
    assert all(place in read.ids for place in re.findall(r"url\(#([^)]*)\)", page))
    labels = [name for names in re.findall(r'aria-labelledby="([^"]*)"', page) for name in names.split()]
    assert all(name in read.ids for name in labels)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    return read
