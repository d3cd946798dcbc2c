"""The grade as a badge, an SVG that a README can show."""

from html import escape

from ...look import FAILURE, NOTICE, RECEIVER

_LABEL = "webhook receiver"
#: From which grade on a badge has which colour, and which mark, so that none is told by colour alone.
_BANDS = ((90, RECEIVER, "✓"), (60, NOTICE, "!"), (0, FAILURE, "✗"))
_CHARACTER = 6.6  # pixels that a letter of 11 pixels takes on average


def badge(grade):
    """Return the badge of a grade from 0 to 100, a text: an SVG with a title for those who do not see it."""
    colour, mark = next((colour, mark) for least, colour, mark in _BANDS if grade >= least)
    words = f"{mark} {grade}/100"
    left, right = (round(len(text) * _CHARACTER) + 12 for text in (_LABEL, words))
    title = escape(f"{_LABEL}: {grade} of 100")
    text = 'font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left + right}" height="20" rx="3" fill="#333333"/>'
        f'<path d="M{left} 0h{right - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="{colour}"/>'
        f'<text x="{left / 2:g}" y="14" fill="#ffffff" {text}>{escape(_LABEL)}</text>'
        f'<text x="{left + right / 2:g}" y="14" fill="#000000" {text}>{escape(words)}</text>'
        "</svg>\n"
    )
