"""Make .venv, or bring it up to date: what "make lab" and "make test" do first.

    python scripts/bootstrap.py                 what the lessons need
    python scripts/bootstrap.py --test          the same, and what the tests need
    python scripts/bootstrap.py --constraints   resolve all dependencies afresh, write constraints.txt

When .venv is already right, nothing happens and nothing is printed. What it should be is kept in
.venv/ready.json, written last: a .venv without that file was interrupted and is made again from nothing.

Only the standard library is used, and no syntax newer than Python 2, so that an old Python gets as far
as saying that it is too old.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
READY = os.path.join(VENV, "ready.json")
CONSTRAINTS = os.path.join(ROOT, "constraints.txt")

CONSTRAINTS_HEADER = """\
# Exact versions of everything that "make lab" and "make test" install, written by "make constraints".
# Made on %s for Python %s and later. A package that is needed only on another system or Python is not
# listed, so its version floats there.
"""

# What pip prints when it cannot reach its index, in the words of the libraries it is built on.
NETWORK_SIGNS = (
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ConnectionResetError",
    "RemoteDisconnected",
    "ProxyError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Connection timed out",
    "Read timed out",
)

# What pip prints while all goes well, and of retries; left out of what is shown when it fails.
PIPS_PROGRESS = (
    "WARNING",
    "Looking in",
    "Obtaining",
    "Collecting",
    "Processing",
    "Requirement already",
    "Installing",
    "Building",
    "  Downloading",
    "  Using",
    "  Installing",
    "  Checking",
    "  Getting",
    "  Preparing",
    "  Building",
)


def stop(sentence):
    sys.stderr.write(sentence + "\n")
    sys.exit(1)


def check_python():
    """End with a sentence unless this Python can make the environment."""
    version = "%d.%d" % sys.version_info[:2]
    if sys.version_info < OLDEST:
        stop(
            "These lessons need Python %d.%d or later, and this one is %s (%s): install a newer Python, or name "
            "one you have, as in: make lab PYTHON=/path/to/python3" % (OLDEST + (version, sys.executable))
        )
    try:
        import ensurepip  # noqa: F401  Debian and Ubuntu leave this one out
        import venv  # noqa: F401
    except ImportError:
        stop(
            "This Python (%s) cannot make virtual environments because its venv module is incomplete: "
            "install it (on Debian or Ubuntu: apt-get install python%s-venv) and run the same command again."
            % (sys.executable, version)
        )


def python_in(folder):
    return os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


class Progress:
    """Shows that a long command lives and what it does: on a terminal by a line that changes, else by a few lines."""

    QUIET = 5  # seconds; where lines stay, at most one in this time

    def __init__(self, stream):
        self.stream, self.packages, self.last = stream, 0, time.time()
        self.changes = hasattr(stream, "isatty") and stream.isatty()
        self.width = 0

    def of(self, line):
        """Say what a line that pip has printed means."""
        words = line.split() or [""]
        if words[0] in ("Collecting", "Processing"):
            self.packages += 1
            self.show("package %d: %s" % (self.packages, re.split("[^\\w.]", words[1].rsplit("/")[-1])[0]))
        elif words[0] == "Downloading" and line.endswith(")"):
            self.show("package %d: %s" % (self.packages, " ".join(words[1:]).rsplit("/")[-1]))
        elif line.startswith("Installing collected packages"):
            count = line.count(",") + 1
            self.show("installing %d package%s" % (count, "s" if count > 1 else ""), now=True)
        elif "Retrying" in words:
            self.show("the network does not answer; pip tries again", now=True)

    def show(self, text, now=False):
        text = text[:70]  # a longer line would wrap, and stay
        if self.changes:
            self.stream.write("\r  " + text + " " * max(0, self.width - len(text)))
            self.width = len(text)
        elif now or time.time() >= self.last + self.QUIET:
            self.stream.write("  " + text + "\n")
            self.last = time.time()
        self.stream.flush()

    def end(self):
        if self.changes and self.width:
            self.stream.write("\r" + " " * (self.width + 2) + "\r")
            self.stream.flush()


def run(command, progress=None):
    """Run a command with its output kept back; return its exit code and output."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    for line in iter(process.stdout.readline, b""):
        lines.append(line.decode("utf-8", "replace"))
        if progress:
            progress.of(lines[-1].rstrip())
    process.stdout.close()
    process.wait()
    if progress:
        progress.end()
    return process.returncode, "".join(lines)


def make_venv(folder):
    # The base interpreter, because this script may be running in the very .venv it is about to replace.
    base = getattr(sys, "_base_executable", None) or sys.executable
    code, output = run([base, "-m", "venv", "--clear", folder])
    if code:
        stop(output + "The virtual environment %s could not be made; the lines above say why." % folder)


def pip_install(folder, arguments):
    command = [python_in(folder), "-m", "pip", "install", "--progress-bar", "off", "--disable-pip-version-check"]
    # Python compiles a module when it is first imported; compiling all of them here would take another
    # ten seconds, most of it for modules that no lesson imports.
    command += ["--no-compile"] + arguments
    code, output = run(command, Progress(sys.stdout))
    if code and any(sign in output for sign in NETWORK_SIGNS):
        stop(
            "The packages could not be downloaded because pip cannot reach its package index: "
            "check the network (or pip's index and proxy settings) and run the same command again."
        )
    if code:
        lines = [line for line in output.splitlines() if line and not line.startswith(PIPS_PROGRESS)]
        stop("\n".join(lines + ["Installing the packages failed; pip's own words are above."]))


def wanted(extras):
    """What .venv should be, in two parts: the interpreter and place, and the packages."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    # ROOT, because a .venv does not survive a move to another folder.
    return {"python": [sys.version, sys.base_prefix, ROOT], "packages": digest.hexdigest(), "extras": extras}


def found():
    """What .venv is, or None when it is missing, unfinished or broken."""
    try:
        with open(READY) as file:
            state = json.load(file)
        if isinstance(state, dict) and os.path.exists(python_in(VENV)):
            return state
    except (IOError, OSError, ValueError):
        pass
    return None


def setup(test):
    want, have = wanted(["lessons", "test"] if test else ["lessons"]), found()
    if have and have.get("python") == want["python"]:
        # A .venv that has the tests' packages serves the lessons as well.
        want["extras"] = sorted(set(want["extras"]) | set(have.get("extras", [])))
        if have == want:
            return
        print("Bringing .venv up to date; this takes a few seconds.")
        os.remove(READY)
    else:
        print(
            "Setting up .venv with everything the %s need; this takes about %s."
            % (("tests", "60 seconds") if test else ("lessons", "40 seconds"))
        )
        sys.stdout.flush()
        make_venv(VENV)
    sys.stdout.flush()
    pip_install(VENV, ["-e", ".[%s]" % ",".join(want["extras"]), "-c", CONSTRAINTS])
    with open(READY, "w") as file:
        json.dump(want, file)


def write_constraints():
    """Resolve all dependencies as a first release of the oldest Python would, and write what came out.

    That release, because a package may require a later one (soupsieve 4 requires 3.11.5), and its pin would
    then shut out the Python 3.11.2 of Debian 12. Nothing is installed but pip itself.
    """
    import tomllib  # in the standard library from Python 3.11 on, which check_python has made sure of

    print("Resolving all dependencies afresh; this takes about half a minute.")
    sys.stdout.flush()
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    oldest = "%d.%d.0" % OLDEST
    folder = tempfile.mkdtemp()
    try:
        make_venv(folder)
        report = os.path.join(folder, "report.json")
        options = ["--dry-run", "--ignore-installed", "--report", report]
        # pip resolves for another Python only when it may not build anything and has a folder of its own.
        options += ["--python-version", oldest, "--only-binary", ":all:", "--target", os.path.join(folder, "x")]
        # The extra "test" names the extra "lessons", by the project's own name, which no index knows.
        extras = project["optional-dependencies"]["lessons"] + project["optional-dependencies"]["test"]
        extras = [one for one in extras if not one.startswith(project["name"])]
        pip_install(folder, options + project["dependencies"] + extras)
        with open(report, encoding="utf-8") as file:
            installed = [one["metadata"] for one in json.load(file)["install"]]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    pins = sorted(("%(name)s==%(version)s" % one for one in installed), key=str.lower)
    with open(CONSTRAINTS, "w") as file:
        file.write(CONSTRAINTS_HEADER % (sys.platform, oldest) + "\n".join(pins) + "\n")


def main(arguments):
    check_python()
    if arguments == ["--constraints"]:
        write_constraints()
    elif arguments in ([], ["--test"]):
        setup(test=bool(arguments))
    else:
        stop(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        stop("\nInterrupted: run the same command again, and .venv is made again from nothing.")
