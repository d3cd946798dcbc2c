"""Node and its packages, for the tests that are marked `node`."""

import re
import shutil
import subprocess

from programs import missing

OLDEST_NODE = 18  # Express 5 and the programs of these tests need it


def install(folder, packages):
    """Install packages, such as ``"express@5.3.0 axios@1.21.1"``, into an empty folder.

    Returns:
        The path of node, and the folder. Where there is no node or no network the test is skipped; in CI it fails.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        missing("no node or no npm to test with")
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60).stdout
    if int(re.match(r"v(\d+)", said)[1]) < OLDEST_NODE:
        missing(f"node is {said.strip()}, and {OLDEST_NODE} or later is needed")
    # Without it, npm would look for a folder to install into in those above.
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    # What has been fetched once is not asked for again, and without a network it is over in seconds.
    quick = "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=1000"
    command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", *quick]
    try:
        subprocess.run(
            [*command, *packages.split()], cwd=folder, check=True, capture_output=True,
            text=True, encoding="utf-8", errors="replace", timeout=120,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        missing(f"npm did not install {packages} within two minutes")
    except subprocess.CalledProcessError as error:
        missing(f"npm cannot install {packages}: {' '.join(error.stderr.split())[:200]}")
    return node, folder
