"""Is this computer ready for the lessons? Friendly words where it is not, and a mend where we can."""

import importlib.metadata
import os
import sys

LOOPBACK = "127.0.0.1"

#: What the lessons need: a purpose, and the packages that serve it with the oldest version of each. The ranges are
#: those of pyproject.toml, of the project and its extra "lessons"; a test compares them. What is for some systems
#: only (gunicorn) is not asked for.
PACKAGES = {
    "notebook": {"jupyterlab": (4, 4), "ipykernel": (7, 1), "ipywidgets": (8, 1), "platformdirs": (4,)},
    "receiving": {"flask": (3, 1), "werkzeug": (3, 1), "blinker": (1, 9)},
    "sending": {"requests": (2, 32), "httpx": (0, 28), "h11": (0, 16), "tenacity": (9,)},
    "signing": {"cryptography": (43,)},
    "drawing": {"numpy": (2,), "matplotlib": (3, 9)},
    "metrics": {"prometheus_client": (0, 21)},
    "queues": {"kombu": (5, 7), "sqlalchemy": (2,)},
    "serving": {"waitress": (3,), "granian": (2, 8)},
}


def reach_loopback_directly():
    """Keep a proxy setting away from 127.0.0.1, for this kernel only.

    A proxy named in the environment or the system's settings catches requests to this very computer too, and the
    proxy, being elsewhere, cannot deliver them.

    Returns:
        Whether something had to be mended.
    """
    # Imported here, so that check_environment() can be called where requests is what is missing.
    from requests.utils import get_environ_proxies, select_proxy

    url = f"http://{LOOPBACK}/"
    if not select_proxy(url, get_environ_proxies(url)):
        return False
    # The lower case name wins, so both get the hosts of the one that counted.
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    kept = [host.strip() for host in listed.split(",") if host.strip()]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*kept, LOOPBACK, "localhost"])
    return True


def check_environment():
    """Print whether Python, the packages and the way to 127.0.0.1 are as the lessons need them.

    A line that begins with ✓ is well; one that begins with ✗ says what to do.
    """
    lines = [
        "✓ Python is 3.11 or newer"
        if sys.version_info >= (3, 11)
        else "✗ Python is too old: make a new environment with Python 3.11 or newer"
    ]
    for purpose, packages in PACKAGES.items():
        wrong = {name: sentence for name, least in packages.items() if (sentence := _wrong(name, least))}
        good = [name for name in packages if name not in wrong]
        lines += [f"✓ {purpose}: {', '.join(good)}"] if good else []
        lines += [f"✗ {purpose}: {sentence}" for sentence in wrong.values()]
    lines.append(_proxy())
    print("\n".join(lines))


def _wrong(package, least):
    """What is wrong with a package, and the remedy; None when it is there and new enough."""
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return f"{package} is missing. Run `make lab` again, or pip install {package}"
    found = tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[: len(least)])
    if found >= least:
        return None
    return f"{package} {version} is too old. pip install '{package}>={'.'.join(map(str, least))}'"


def _proxy():
    try:
        mended = reach_loopback_directly()
    except ImportError:
        return "✗ proxy: requests tells whether one stands between you and 127.0.0.1, and it is missing"
    if mended:
        return "✓ a proxy setting would have caught 127.0.0.1: mended for this kernel"
    return "✓ no proxy stands between you and 127.0.0.1"
