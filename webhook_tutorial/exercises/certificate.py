"""The certificate: an HTML page that says which exercises were passed, when, and by which versions, and no more."""

import contextlib
import os
import platform
import tempfile
import time
from html import escape
from pathlib import Path

from .. import __version__
from ..clock import iso
from ..look import visible

_GENERATOR = '<meta name="generator" content="webhook_tutorial certificate">'

# Everything is in the one file, so that it looks the same offline, printed and in ten years. System fonts and colours.
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: bold; padding: .5rem 0; }
th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #777; }
th[scope=row] { font-weight: normal; }
td { white-space: nowrap; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } tr { break-inside: avoid; } }
"""


def write_certificate(path, rows, of):
    """Write the page whole or not at all, and return its path.

    Args:
        path: Where. A certificate that is there already is replaced; nothing else is.
        rows: Pairs: of an exercise's lesson and its word, and of its `record.Passed`.
        of: How many exercises there are.

    Raises:
        FileExistsError: There is something else.
        OSError: It cannot be written.
    """
    path = Path(path).expanduser()
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        raise FileExistsError(f"{path} is there already, and is no certificate of this course. Choose another name.")
    file, begun = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(file, "w", encoding="utf-8", newline="\n") as page:
            page.write(_page(rows, of))
        os.chmod(begun, 0o644)  # to be shown to others; a temporary file is its owner's alone
        os.replace(begun, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(begun)
        raise
    return path


def _is_ours(path):
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return _GENERATOR.encode() in file.read(1000)


#: What the capstone's line says, for whoever has not seen it; nothing of what cannot be seen from outside.
_CAPSTONE = """<p>In the capstone's last exercise a receiver, written from a provider's documentation, was started as a
program and graded. Nothing was found from outside.</p>
"""


def _page(rows, of):
    lines = "".join(
        f'<tr><th scope="row">{escape(lesson)}</th>'
        + "".join(f"<td>{escape(text)}</td>" for text in map(visible, (word, one.passed, one.package, one.python)))
        + "</tr>\n"
        for (lesson, word), one in rows
    )
    capstone = _CAPSTONE if any(one.exercise == "15.capstone" for _, one in rows) else ""
    count = f"{len(rows)} of {of} exercises passed"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
{_GENERATOR}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Learn webhooks by running both ends: {count}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Learn webhooks by running both ends</h1>
<p>{count}. Written on {iso(time.time())[:10]} by webhook_tutorial {escape(__version__)} with Python
{escape(platform.python_version())}.</p>
<table>
<caption>What was passed</caption>
<thead><tr><th scope="col">Lesson</th><th scope="col">Exercise</th><th scope="col">First passed (UTC)</th>
<th scope="col">webhook_tutorial</th><th scope="col">Python</th></tr></thead>
<tbody>
{lines}</tbody>
</table>
{capstone}<p>
Each line says that the check of this exercise was passed on the computer where this page was written. It says
nothing about who passed it, or with what help. Both the page and the record that it was made from can be edited.</p>
</main>
</body>
</html>
"""
