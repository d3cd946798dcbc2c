"""Run the quick tests where things are awkward: what "make awkward" does, on Linux and macOS.

    python scripts/awkward.py                all places
    python scripts/awkward.py home proxies   some of them

Two places are tried at a time. A place that this machine cannot offer says why; with CI set that is a failure.
"""

import argparse
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEAD = "127.0.0.1:9"  # nothing listens on the discard port


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the tests run.

    Attributes:
        what: What is awkward about it, in a few words.
        environment: Variables that are set there; None for one that is not there.
        files: How many files may be open at once; None for as many as here.
        folder: A folder in a temporary one, into which the project is copied and set up afresh; empty to use this one.
        stranger: Whether somebody else runs them, who has no home and owns nothing but the copy.
    """

    what: str
    environment: dict = field(default_factory=dict)
    files: int | None = None
    folder: str = ""
    stranger: bool = False


PLACES = {
    "folder": Place(what="a folder with spaces and an umlaut", folder="Meine Übungen/webhook tutorial"),
    "user": Place(what="another user, without a home", folder="tutorial", stranger=True),
    "locale": Place(
        what="an ASCII locale",
        environment={"LC_ALL": "C", "LANG": None, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ),
    "proxies": Place(
        what="dead proxies, one of them SOCKS",
        environment={
            "http_proxy": f"http://{DEAD}", "https_proxy": f"http://{DEAD}", "all_proxy": f"socks5://{DEAD}",
            "HTTP_PROXY": f"http://{DEAD}", "no_proxy": None, "NO_PROXY": None,
        },
    ),
    "home": Place(what="a read-only home", environment={"HOME": "/dev/null"}),  # root may write anywhere else
    "zone": Place(what="a time zone of 12 h 45 min", environment={"TZ": "Pacific/Chatham"}),
    "files": Place(what="at most 256 open files, as on macOS", files=256),
}  # fmt: skip


class NotHere(Exception):
    """This machine cannot offer a place; the message says why."""


def copy_project(folder):
    """Copy what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, target)


def stranger_options(folder):
    """Options of `subprocess.run` that run something as "nobody", to whom the folder is given."""
    if os.geteuid() != 0:
        raise NotHere("only root can run them as somebody else")
    import pwd

    nobody = pwd.getpwnam("nobody")
    for path in [folder.parent, folder, *folder.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def python_for(options, environment):
    """A Python, 3.11 or later and with venv, that may be started with these options."""
    code = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    for python in [sys._base_executable, "/usr/bin/python3", "/usr/local/bin/python3"]:
        try:
            subprocess.run([python, "-c", code], **options, env=environment, cwd="/", check=True, capture_output=True)
            return python
        except (OSError, subprocess.CalledProcessError):
            continue
    raise NotHere("no Python 3.11 or later with venv that everybody may start (Debian: apt-get install python3-venv)")


def run_in(place, work):
    """Run the quick tests in a place, with a temporary folder to work in; return the exit code and what was said."""
    environment = {name: value for name, value in (os.environ | place.environment).items() if value is not None}
    environment["TMPDIR"] = str(work)
    folder, options, said = ROOT, {}, ""
    if place.folder:
        folder = work / place.folder
        copy_project(folder)
        if place.stranger:
            options = stranger_options(folder)
            environment |= {"HOME": "/nonexistent", "PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "nobody"}
            os.chmod(work, os.stat(work).st_mode | stat.S_IWOTH | stat.S_IXOTH | stat.S_IROTH)
        python = python_for(options, environment)
        command = ["make", "setup-test", f"PYTHON={python}"]
        made = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
        )
        said = made.stdout
        if made.returncode:
            return made.returncode, said
    if place.files:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (place.files, most))
    pytest = str(folder / ".venv" / "bin" / "pytest") if (folder / ".venv").exists() else "pytest"
    tests = subprocess.run(
        [pytest, "-q", "-rfEs", "--tb=short", "-p", "no:cacheprovider"], cwd=folder, env=environment, **options,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="backslashreplace",
    )  # fmt: skip
    return tests.returncode, said + tests.stdout


def try_place(name):
    """Try one place, say how it went, and return whether it went well."""
    place = PLACES[name]
    with tempfile.TemporaryDirectory(prefix="awkward-", ignore_cleanup_errors=True) as work:
        try:
            code, said = run_in(place, Path(work))
        except NotHere as error:
            print(f"- {name}: {place.what}: not here, as {error}", flush=True)
            return not os.environ.get("CI")
    summary = re.findall(r"\d+ (?:passed|failed|skipped|error)[^\n]*", said)
    good = code == 0
    how = summary[-1] if summary else f"ended with {code}"
    print(f"{'✓' if good else '✗'} {name}: {place.what}: {how}", flush=True)
    if not good:
        print("\n".join("    " + line for line in said.splitlines()[-200:]), flush=True)
    return good


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("places", nargs="*", metavar="PLACE", help=f"some of: {', '.join(PLACES)}")
    chosen = parser.parse_args().places or list(PLACES)
    if unknown := [name for name in chosen if name not in PLACES]:
        parser.error(f"there is no place {unknown[0]!r}; there are: {', '.join(PLACES)}")
    with ThreadPoolExecutor(2) as pool:
        return 0 if all(list(pool.map(try_place, chosen))) else 1


if __name__ == "__main__":
    sys.exit(main())
