"""What all commands of the command line have in common: help by example, exit codes, secrets, colour."""

import os
import shlex
import subprocess

import pytest
import requests
from support import ROOT
from tools import WHSEC, command, environment, run, run_process

from webhook_tutorial import serve
from webhook_tutorial.cli import tools
from webhook_tutorial.cli.listen import receiver

COMMANDS = sorted(tools.commands)
#: What is needed so that only what is tested can be wrong.
GOOD = {
    "listen": ["listen", "--count", "1"],
    "send": ["send", "http://127.0.0.1:1/"],
    "doctor": ["doctor", "--body", os.devnull, "--headers", os.devnull, "--dialect", "github"],
    "lessons": ["lessons", "nowhere"],
    "new": ["new", "nowhere"],
    "scorecard": ["scorecard", "http://127.0.0.1:1/"],
}
ESCAPE = "\x1b["


def test_help_teaches_by_example_and_names_every_command():
    shown = run("--help")
    assert shown.exit_code == 0 and COMMANDS == ["doctor", "lessons", "listen", "new", "scorecard", "send"]
    assert all(f"\n  {name} " in shown.output for name in COMMANDS)
    assert all(len(line) <= 88 for line in shown.output.splitlines())


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_every_example_in_the_help_is_right(name):
    """Each is parsed as it stands, and its options are known."""
    command = tools.commands[name] if name else tools
    text = command.help.replace("\\\n", " ")
    examples = [line.partition("  (")[0].strip() for line in text.splitlines() if "python -m webhook_tutorial" in line]
    assert examples
    for example in examples:
        words = shlex.split(example.strip())[3:]
        named, arguments = tools.commands[words[0]], words[1:]
        known = {option for parameter in named.params for option in parameter.opts}
        assert {word for word in arguments if word.startswith("--")} <= known, example


def test_the_version_is_the_packages():
    assert run("--version").output.strip() == __import__("webhook_tutorial").__version__


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("given", [["--secret", WHSEC], [f"--secret={WHSEC}"], ["--secret"]])
def test_a_secret_on_the_command_line_is_refused_with_the_reason_and_not_repeated(name, given):
    refused = run(*GOOD[name], *given)
    assert refused.exit_code == 2 and WHSEC not in refused.output
    assert "list of processes" in refused.output and "--secret-env NAME" in refused.output


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "given", [WHSEC, WHSEC[:10], "sk_test_1", "a-b", "", "0f3a9c0d1e2f", "abcdef0123456789abcdef012"]
)
def test_a_secret_in_place_of_a_name_is_refused_and_not_repeated(name, given):
    refused = run(*GOOD[name], "--secret-env", given)
    assert refused.exit_code == 2 and "no name of a variable" in refused.output
    assert not given or given not in refused.output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_variable_that_is_missing_or_empty_is_told_by_its_name(name):
    for variable, words in ("NOT_SET", "the variable is not set."), ("EMPTY", "the variable EMPTY is empty."):
        refused = run(*GOOD[name], "--secret-env", variable)
        assert refused.exit_code == 2 and words in refused.output


TYPED = "hunter2pw"


@pytest.mark.parametrize(
    "secret", [TYPED, "hunterpassword", "correcthorsebatterystaple", "HUNTER2PW", WHSEC, "-" + TYPED]
)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["send", "http://127.0.0.1:1/", "--secret-env", TYPED], "--secret-env"),
        (["doctor", "--secret-env", "GITHUB_SECRET", "--secret-env", TYPED], "2nd "),
        (["send", "http://127.0.0.1:1/", TYPED], "The 2nd word after send is one too many."),
        (["send", "--times", "1", "http://127.0.0.1:1/", "a", TYPED], "The 5th word after send is one too many."),
        (["doctor", TYPED], "The 1st word after doctor is one too many."),
        (["listen", "8000", TYPED], "The 2nd word after listen is one too many."),
        (["listen", TYPED], "'[PORT]': it must be a whole number from 1 to 65535."),
        (["listen", "--count", TYPED], "'--count': it must be a whole number from 1 on."),
        (["listen", f"--answer={TYPED}"], "'--answer': it must be a whole number from 200 to 599."),
        (["listen", f"--{TYPED}"], "One of the options is unknown. Known are: --dialect, "),
        (["listen", f"--json={TYPED}"], "--json"),
        (["listen", "--dialect", TYPED], "no such dialect. Known are: standard-webhooks, "),
        (["listen", "--file", f"{TYPED}/a"], "cannot be added to: No such file"),
        (["send", "http://127.0.0.1:1/", "--event", TYPED], "no such --event for standard-webhooks. Known are: user_"),
        (["send", "http://127.0.0.1:1/", "--data", TYPED], "'--data': File does not exist."),
        (["send", TYPED], "the first word, URL, does not"),
        (["doctor", "--body", TYPED], "'--body': File does not exist."),
        ([TYPED], "There is no such command. Known are: "),
        ([f"--{TYPED}"], "One of the options is unknown. Known are: "),
    ],
)  # fmt: skip
def test_a_word_in_a_wrong_place_may_be_a_secret_and_is_not_repeated(arguments, words, secret):
    given = [word.replace(TYPED, secret) for word in arguments]
    refused = run(*given)
    assert refused.exit_code in (1, 2) and TYPED not in refused.output and secret not in refused.output
    if secret == TYPED:
        assert words in " ".join(refused.output.split())


def test_an_option_that_is_nearly_one_is_told_by_the_one_it_is_like():
    refused = run("send", "http://127.0.0.1:1/", "--dialct", "github")
    assert refused.exit_code == 2 and "unknown. Did you mean --dialect" in refused.output


@pytest.mark.skipif(os.name == "nt", reason="a pipe of POSIX")
@pytest.mark.parametrize("arguments", [["lessons", "--json"], ["listen"]])
def test_who_reads_no_further_ends_it_quietly(tmp_path, arguments):
    """What is printed goes into a pipe that nobody reads: ``| head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command(*arguments), cwd=tmp_path, env=environment(PYTHONPATH=str(ROOT)), stdout=writing,
        stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")
    if "lessons" in arguments:
        assert len([*(tmp_path / "webhooks").glob("*.ipynb")]) == len([*(ROOT / "notebooks").glob("*.ipynb")])


@pytest.mark.parametrize("name", ["doctor", "listen", "send"])
def test_an_unknown_dialect_lists_the_known_and_a_known_one_may_be_written_in_capitals(name):
    refused = run(*GOOD[name], "--dialect", "hub")
    assert refused.exit_code == 2
    known = "no such dialect. Known are: standard-webhooks, standard-webhooks-ed25519, "
    assert known in " ".join(refused.output.split())
    assert "no such dialect" not in run(*GOOD[name], "--dialect", "GitHub", "--secret-env", "NOT_SET").output


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["listen", "--nonsense"], ["listen", "0"], ["listen", "x"], ["send"]]
)
def test_wrong_use_ends_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_a_terminal_gets_colour_and_nothing_else_does():
    with serve(receiver(204), "here") as server:
        assert ESCAPE in run("send", server.url, color=True).output
        assert ESCAPE not in run("send", server.url).output
        as_process = run_process("send", server.url)
    assert as_process.returncode == 0 and ESCAPE not in as_process.stdout and "204" in as_process.stdout


def test_no_color_is_heeded_where_there_is_a_terminal(monkeypatch):
    from click.testing import CliRunner

    with serve(receiver(204), "here") as server:
        for value, coloured in ("1", False), ("", True):
            shown = CliRunner(env={"NO_COLOR": value}).invoke(tools, ["send", server.url], color=True)
            assert (ESCAPE in shown.output) is coloured


@pytest.mark.parametrize(("encoding", "arrow"), [("cp1252", b"\\u2192 POST"), ("ascii", "→ POST".encode())])
def test_what_a_terminal_cannot_show_stops_nothing(listening, encoding, arrow):
    """A pipe on Windows, and the ASCII locale of a minimal container, where click writes UTF-8."""
    listen = listening("--count", "1", PYTHONIOENCODING=encoding)
    assert requests.post(listen.url, data="→".encode(), timeout=30).status_code == 204
    assert listen.process.wait(60) == 0, listen.errors()
    assert arrow in listen.bytes() and listen.errors() == ""


def test_the_process_says_what_it_is_called():
    shown = run_process("--help")
    assert (
        shown.returncode == 0 and shown.stdout.startswith("Usage: python -m webhook_tutorial ") and shown.stderr == ""
    )
