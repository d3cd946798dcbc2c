"""Content curation: trending topics fill a page. They come from a source that is not trusted."""

from html.parser import HTMLParser

from .scene import Scene

_TOPICS = (
    ("Tea", "https://example.com/tea", 5),
    ("<img src=x onerror=alert(1)>", "https://example.com/picture", 9),
    ("Free prizes", "javascript:alert(1)", 8),
    ('Say "hello"', 'https://example.com/?q="onmouseover="alert(1)', 7),
    ("Coffee & cake", "https://example.com/coffee", 6),
)


class _Page(HTMLParser):
    """About what a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(reversed(attributes))))  # of two with one name the first counts

    def handle_data(self, data):
        self.text += data


def active(html):
    """Return what of a page would run in a reader's browser, a list of texts: elements, attributes, addresses."""
    found = []
    for tag, attributes in _Page(html).elements:
        if tag not in ("ul", "ol", "li", "a"):
            found.append(f"<{tag}>")
        for name, value in attributes.items():
            if name not in ("href", "rel"):
                found.append(f"{name}= in <{tag}>")
            elif name == "href" and not (value or "").lower().startswith(("http://", "https://", "#")):
                found.append(f"{value} in href=")
    return found


def _broken(play):
    html = play.tables["page"][-1]["html"]
    if found := active(html):
        return f"A browser finds {', '.join(found)}."
    text = _Page(html).text
    missing = [title for title, _, _ in _TOPICS if title not in text]
    return f"The page does not show {', '.join(missing)}." if missing else ""


SCENE = Scene(
    sender="trends",
    receiver="magazine",
    events=tuple(
        (5 * n, "topic_trending", {"title": title, "url": url, "votes": votes})
        for n, (title, url, votes) in enumerate(_TOPICS)
    ),
    twice=(1,),
    tables=(
        "CREATE TABLE topics (url TEXT PRIMARY KEY, title TEXT, votes INTEGER)",
        "CREATE TABLE page (html TEXT)",
        "INSERT INTO page VALUES ('')",
    ),
    promise="The page shows each topic's title as it is written, and nothing in it runs.",
    broken=_broken,
)
