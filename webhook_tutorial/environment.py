"""Is this computer ready for the lessons? Friendly words where it is not, and a mend where we can."""

import importlib.metadata
import os
import sys

from requests.utils import get_environ_proxies, select_proxy

LOOPBACK = "127.0.0.1"


def reach_loopback_directly():
    """Keep a proxy setting away from 127.0.0.1, for this kernel only.

    A proxy named in the environment or the system's settings catches requests to this very computer too, and the
    proxy, being elsewhere, cannot deliver them.

    Returns:
        Whether something had to be mended.
    """
    url = f"http://{LOOPBACK}/"
    if not select_proxy(url, get_environ_proxies(url)):
        return False
    # The lower case name wins, so both get the hosts of the one that counted.
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    kept = [host.strip() for host in listed.split(",") if host.strip()]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join([*kept, LOOPBACK, "localhost"])
    return True


def check_environment():
    """Print, a line each, whether Python, the packages and the way to 127.0.0.1 are as the lessons need them."""
    mended = reach_loopback_directly()
    lines = [
        _line(
            sys.version_info >= (3, 11),
            "Python is 3.11 or newer",
            "Python is too old: make a new environment with Python 3.11 or newer",
        )
    ]
    for package, least, why in (
        ("jupyterlab", (4, 4), "draws the diagrams"),
        ("ipykernel", (7, 1), "shows a thread's output in the right cell"),
        ("ipywidgets", (8, 1), "draws the panels"),
        ("flask", (3, 1), "receives"),
        ("requests", (2, 32), "sends"),
    ):
        lines.append(_package(package, least, why))
    lines.append(
        _line(True, "a proxy setting would have caught 127.0.0.1: mended for this kernel")
        if mended
        else _line(True, "no proxy stands between you and 127.0.0.1")
    )
    print("\n".join(lines))


def _package(package, least, why):
    wanted = ".".join(map(str, least))
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return _line(False, "", f"{package} is missing ({why}): run `make lab` again, or pip install {package}")
    found = tuple(int(part) if part.isdigit() else 0 for part in version.split(".")[: len(least)])
    return _line(
        found >= least,
        f"{package} {why}",
        f"{package} {version} is too old ({why}): pip install '{package}>={wanted}'",
    )


def _line(good, yes, no=""):
    return f"✓ {yes}" if good else f"✗ {no}"
