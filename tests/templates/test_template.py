"""The template as a whole: copied, started, stopped, and served to slow and to greedy clients.

What each of its parts does, its own tests say, test_receiver.py in its folder: they are run here.
"""

import datetime
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from installed import EVENT, SECRET, Installed, free_port
from support import ROOT, until

from webhook_tutorial import sign
from webhook_tutorial.cli.new import TEMPLATE, copy_template

SIGNS_OF_NO_NETWORK = ("NewConnectionError", "ConnectTimeout", "NameResolutionError", "ProxyError", "Temporary failure")


@pytest.fixture
def installed(tmp_path):
    with Installed(tmp_path / "receiver") as installed:
        yield installed


def ordinary():
    """The environment as it is, without what pytest has put into it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}


def run_its_tests(python, folder):
    return subprocess.run(
        [python, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, env=ordinary(),
        capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


# --- Its own tests ------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_its_own_tests_pass_where_it_is_copied_to(tmp_path):
    copy_template(tmp_path)
    done = run_its_tests(sys.executable, tmp_path)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 60


@pytest.mark.network
def test_its_own_tests_pass_with_nothing_but_what_it_names(tmp_path):
    copy_template(tmp_path / "receiver")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], check=True, timeout=120)
    python = tmp_path / "env" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [python, "-m", "pip", "install", "--disable-pip-version-check", "-r", "requirements.txt", "pytest"]
    done = subprocess.run(
        install, cwd=tmp_path / "receiver", env=ordinary(), capture_output=True, text=True, encoding="utf-8",
        timeout=180,
    )  # fmt: skip
    if done.returncode and any(sign in done.stdout + done.stderr for sign in SIGNS_OF_NO_NETWORK):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("pip's index does not answer")
    assert done.returncode == 0, done.stderr
    tested = run_its_tests(python, tmp_path / "receiver")
    assert tested.returncode == 0, tested.stdout


def test_it_names_the_versions_that_the_lessons_are_tested_with():
    named = (TEMPLATE / "requirements.txt").read_text(encoding="utf-8").lower().split()
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").lower().splitlines()
    assert len(named) == 3 and set(named) <= set(pinned)


# --- Start --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"WEBHOOK_SECRET": ""}, "WEBHOOK_SECRET is missing: set it to "),
        ({"WEBHOOK_SECRET": SECRET[:20]}, "WEBHOOK_SECRET cannot be read: "),
        ({"WEBHOOK_SECRET": SECRET[:22] + "=="}, "WEBHOOK_SECRET is too short: "),
        ({"PORT": "http"}, "PORT must be a number from 0 to 65_535."),
        ({"DATABASE": "no/such/folder/inbox.db"}, "DATABASE cannot be used: "),
        ({"DATABASE": "README.md"}, "DATABASE cannot be used: "),
        ({"METRICS_HOST": "x" * 70}, "HOST or METRICS_HOST is not an address."),
        ({"PROMETHEUS_MULTIPROC_DIR": "README.md/below"}, "PROMETHEUS_MULTIPROC_DIR must be a folder that can be "),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_sentence_and_without_the_secret(installed, settings, words):
    code, out, errors = installed.run("receiver.py", **settings)
    assert (code, out) == (1, "") and errors.startswith(words) and errors.count("\n") == 1
    assert SECRET[6:20] not in errors
    if settings.keys() & {"DATABASE", "PROMETHEUS_MULTIPROC_DIR"}:
        code, _, errors = installed.run("worker.py", **settings)
        assert code == 1 and errors.startswith(words)
    if "DATABASE" in settings:
        code, _, errors = installed.run("inbox.py", **settings)
        assert code == 1 and errors.startswith("DATABASE ") and errors.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit of what a process may write")
def test_where_there_is_no_room_for_the_numbers_the_start_says_so(installed):
    """prometheus_client maps its files into memory, where a full disk is a signal that ends the process."""
    limited = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
        "runpy.run_path('worker.py', run_name='__main__')"
    )
    code, _, errors = installed.run("-c", limited)
    assert code == 1 and errors.startswith("PROMETHEUS_MULTIPROC_DIR must be a folder that can be "), errors
    assert errors.count("\n") == 1


def test_a_port_that_is_taken_is_told_in_one_sentence(installed):
    for name in ("PORT", "METRICS_PORT"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, _, errors = installed.run("receiver.py", **{name: str(taken.getsockname()[1])})
        assert code == 1 and errors.startswith("The port cannot be opened (PORT or METRICS_PORT): "), errors


def test_the_worker_needs_no_secret(installed):
    del installed.environment["WEBHOOK_SECRET"]
    installed.start("worker.py")


# --- Receive, work, tell ------------------------------------------------------------------------------------


def test_both_programs_do_an_event_once_and_tell_of_it(installed):
    installed.start("receiver.py")
    installed.start("worker.py")
    answers = [installed.post(), installed.post(), installed.post(headers={})]
    assert [(status, body) for status, body, _ in answers] == [
        (202, b""), (202, b""), (401, b'{"error":"unauthorized"}\n')
    ]  # fmt: skip
    assert all("Server" not in headers for _, _, headers in answers)
    until(lambda: installed.get("/effects") == (200, "1"))
    assert [installed.get(path)[0] for path in ("/health", "/ready", "/metrics")] == [200, 200, 404]
    until(lambda: 'webhook_events_total{outcome="done"} 1.0' in installed.get("/metrics", installed.metrics_port)[1])
    numbers = installed.get("/metrics", installed.metrics_port)[1]
    for line in (
        'webhook_deliveries_total{outcome="stored"} 1.0',
        'webhook_deliveries_total{outcome="duplicate"} 1.0',
        'webhook_deliveries_total{outcome="unauthorized"} 1.0',
        "webhook_inbox_waiting 0.0",
    ):
        assert f"\n{line}\n" in numbers
    assert re.search(r"\nwebhook_worker_heartbeat_timestamp_seconds [1-9]", numbers)
    assert len([*(installed.folder / "metrics").glob("counter_*.db")]) == 2, "each process has a file of its own"
    assert not {one.get("delivery") for one in installed.said()} - {None, "evt_1"}


def test_what_was_set_aside_is_shown_and_tried_again_by_hand(installed):
    assert installed.run("inbox.py")[0] == 1 and not (installed.folder / "inbox.db").exists()
    installed.environment |= {"TRIES": "1"}
    installed.start("receiver.py")
    installed.start("worker.py")
    assert installed.post(b'{"event_type": "order_placed"}')[0] == 202
    until(lambda: "1 set aside" in installed.run("inbox.py")[1])
    path = installed.folder / "inbox.db"
    assert installed.run("inbox.py") == (0, f"{path}: 0 waiting, 1 set aside\nevt_1 KeyError: 'data'\n", "")
    assert installed.run("inbox.py", "agian") == (1, "", "python inbox.py, or python inbox.py again\n")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE inbox SET error = ?", ("\x1b[2J\nevt_2 all is well",))
    assert installed.run("inbox.py")[1].splitlines()[1:] == [r"evt_1 \x1b[2J\nevt_2 all is well"]
    assert installed.run("inbox.py", "again") == (0, "1 will be tried again\n", "")


# --- Clients that are slow or greedy ------------------------------------------------------------------------


def test_150_clients_that_send_slowly_hold_up_nobody(installed):
    """gunicorn's workers and its threads do not bear fifty; waitress bears a hundred as it comes."""
    installed.start("receiver.py")
    with ExitStack() as stack:
        for _ in range(150):
            slow = stack.enter_context(closing(socket.create_connection(("127.0.0.1", installed.port), 10)))
            slow.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert installed.post()[0] == 202


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_gets_413_and_one_that_is_much_too_large_is_cut(installed, chunked):
    installed.environment["LARGEST_BODY"] = "100000"
    installed.start("receiver.py")

    def post(size):
        """Return what is heard: the answer, or nothing."""
        body = b'{"event_type": "big", "data": "' + b"x" * (size - 33) + b'"}'
        headers = sign(body, SECRET, id=f"evt_{size}")
        headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
        head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode()
        heard = b""
        with closing(socket.create_connection(("127.0.0.1", installed.port), 10)) as client, suppress(ConnectionError):
            client.sendall(head + whole)
            while more := client.recv(65536):
                heard += more
        return heard

    assert post(100_000).startswith(b"HTTP/1.1 202 ")
    for size in (100_001, 250_000):
        assert re.fullmatch(rb'(?s)HTTP/1.1 413 .*\r\n\r\n\{"error":"too large"\}\n', post(size))
    much = post(20_000_000)
    assert not much or (much.startswith(b"HTTP/1.1 413 ") and much.endswith(b"(generated by server)"))
    assert not re.search(b"(?i)python|waitress|werkzeug|traceback", much)
    assert installed.post()[0] == 202


# --- Stop ---------------------------------------------------------------------------------------------------


def has_open(process, name):
    return any(Path(file.path).name == name for file in psutil.Process(process.pid).open_files())


def is_refused(installed):
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", installed.port)) != 0


posix = pytest.mark.skipif(os.name == "nt", reason="on Windows a process cannot be asked to stop, only ended")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_the_receiver_takes_nobody_new_and_finishes_what_it_has_begun(installed, number):
    process = installed.start("receiver.py")
    answers = []
    with closing(sqlite3.connect(installed.folder / "inbox.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")  # somebody else writes, so the answer has to wait
        sending = threading.Thread(target=lambda: answers.append(installed.post()))
        sending.start()
        until(lambda: has_open(process, "inbox.db"))  # it opens the file for each delivery
        process.send_signal(number)
        until(lambda: is_refused(installed), seconds=1)
        assert process.poll() is None and not answers
        db.execute("ROLLBACK")
    sending.join(10)
    assert answers[0][0] == 202 and process.wait(10) == 0
    assert installed.said()[-1]["event"] == "stopped"


def waiting(installed, count, stack):
    """Return so many connections, each of which has sent a delivery."""
    connections = []
    for number in range(count):
        headers = sign(EVENT, SECRET, id=f"evt_{number}") | {"Content-Length": str(len(EVENT))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        client = stack.enter_context(closing(socket.create_connection(("127.0.0.1", installed.port), 10)))
        client.sendall(f"POST /webhook HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + EVENT)
        connections.append(client)
    return connections


@posix
def test_told_to_stop_the_receiver_answers_all_that_wait_for_a_thread(installed):
    """waitress by itself has eight in hand, and drops those behind them."""
    process = installed.start("receiver.py")
    with ExitStack() as stack:
        db = stack.enter_context(closing(sqlite3.connect(installed.folder / "inbox.db", isolation_level=None)))
        [kept] = waiting(installed, 1, stack)
        assert kept.recv(1000).startswith(b"HTTP/1.1 202")
        db.execute("BEGIN IMMEDIATE")
        clients = waiting(installed, 60, stack)
        process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(installed), seconds=1)
        assert kept.recv(1000) == b"" and process.poll() is None, "it has had its answer"
        db.execute("ROLLBACK")
        answers = [client.recv(1000) for client in clients]
        assert {answer[:12] for answer in answers} == {b"HTTP/1.1 202"}
        assert process.wait(4) == 0
    assert installed.said()[-1].items() >= {"event": "stopped"}.items() and "cut" not in installed.said()[-1]


@posix
def test_told_to_stop_a_second_time_the_receiver_ends_at_once(installed):
    process = installed.start("receiver.py")
    with ExitStack() as stack:
        db = stack.enter_context(closing(sqlite3.connect(installed.folder / "inbox.db", isolation_level=None)))
        db.execute("BEGIN IMMEDIATE")
        waiting(installed, 1, stack)
        process.send_signal(signal.SIGTERM)
        until(lambda: is_refused(installed), seconds=1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(1) == 1


@posix
@pytest.mark.thorough
def test_who_is_not_done_five_seconds_after_the_stop_is_cut_and_counted(installed):
    process = installed.start("receiver.py")
    with closing(socket.create_connection(("127.0.0.1", installed.port), 10)) as slow:
        slow.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        assert process.wait(4) == 0 and slow.recv(100) == b""
    assert installed.said()[-1].items() >= {"event": "stopped", "cut": 1}.items()


WAITS = """\
    import pathlib, time
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
"""


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_the_worker_finishes_the_event_that_it_has_in_hand(installed, number):
    handlers = installed.folder / "handlers.py"
    handlers.write_text(
        handlers.read_text(encoding="utf-8").replace('    _enter(id, f"charge', f'{WAITS}    _enter(id, f"charge'),
        encoding="utf-8",
    )
    installed.start("receiver.py")
    process = installed.start("worker.py")
    for id in ("evt_1", "evt_2"):
        assert installed.post(id=id)[0] == 202
    until((installed.folder / "begun").exists)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    (installed.folder / "go").touch()
    assert process.wait(10) == 0 and installed.get("/effects") == (200, "1")


# --- The files that install it ------------------------------------------------------------------------------


def program(name):
    """The path of a program; where there is none the test is skipped, and in CI it fails."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if not found:
        (pytest.fail if os.environ.get("CI") and sys.platform == "linux" else pytest.skip)(f"no {name} to test with")
    return found


@pytest.mark.parametrize("name", ["receiver", "worker"])
def test_systemd_takes_the_units(tmp_path, name):
    unit = (TEMPLATE / f"{name}.service").read_text(encoding="utf-8")
    python = "/opt/receiver/.venv/bin/python"
    assert f"\nExecStart={python} {name}.py\n" in unit
    (tmp_path / f"{name}.service").write_text(unit.replace(python, "/bin/sh"), encoding="utf-8")
    command = [program("systemd-analyze"), "verify", "--man=no", tmp_path / f"{name}.service"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_wrong_in_a_unit_would_be_told(tmp_path):
    unit = (TEMPLATE / "receiver.service").read_text(encoding="utf-8")
    (tmp_path / "receiver.service").write_text(unit.replace("Restart=always", "Restarts=always"), encoding="utf-8")
    command = [program("systemd-analyze"), "verify", "--man=no", tmp_path / "receiver.service"]
    assert "Restarts" in subprocess.run(command, capture_output=True, text=True, timeout=60).stderr


def test_the_secret_is_the_receivers_and_what_both_write_is_in_the_same_places():
    receiver, worker = (
        re.findall(r"(?m)^(?!#)(\w+)=(.*)$", (TEMPLATE / f"{name}.service").read_text(encoding="utf-8"))
        for name in ("receiver", "worker")
    )
    assert [name for name, _ in set(receiver) - set(worker)].count("EnvironmentFile") == 1
    same = {"User", "DynamicUser", "WorkingDirectory", "StateDirectory", "RuntimeDirectory", "Environment"}
    assert {one for one in receiver if one[0] in same} == {one for one in worker if one[0] in same}


def self_signed(folder):
    """Write a certificate and its key, and return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    (folder / "certificate").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key").write_bytes(key.private_bytes(pem, *plain))
    return folder / "certificate", folder / "key"


@pytest.fixture
def nginx(installed, tmp_path):
    """nginx before the receiver, by the template's file with other paths and ports; its port."""
    nginx = program("nginx")
    certificate, key = self_signed(tmp_path)
    text, port = (TEMPLATE / "nginx.conf").read_text(encoding="utf-8"), free_port()
    for path, instead in (
        ("/etc/letsencrypt/live/hooks.example.com/fullchain.pem", certificate),
        ("/etc/letsencrypt/live/hooks.example.com/privkey.pem", key),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("http://127.0.0.1:8000", installed.url),
    ):
        assert path in text
        text = text.replace(path, str(instead))
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{place}_temp_path {tmp_path}/{place};\n" for place in places)
    user = "" if os.geteuid() else "user root;\n"  # its workers have to get into this folder
    whole = f"{user}pid {tmp_path}/pid; error_log {tmp_path}/error.log; daemon off;\nevents {{}}\n"
    (tmp_path / "nginx.conf").write_text(f"{whole}http {{\naccess_log off;\n{temporary}{text}}}\n", encoding="utf-8")
    command = [nginx, "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
    tested = subprocess.run([*command, "-t", "-q"], capture_output=True, text=True, timeout=60)
    assert (tested.returncode, tested.stdout, tested.stderr) == (0, "", "")
    process = subprocess.Popen(command)
    try:
        until(lambda: is_open(port) or process.poll() is not None)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def is_open(port):
    with closing(socket.socket()) as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_nginx_hands_on_deliveries_and_nothing_else(installed, nginx):
    installed.start("receiver.py")
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    def ask(path, method="POST", body=EVENT, headers=None):
        with closing(http.client.HTTPSConnection("127.0.0.1", nginx, timeout=10, context=trusting)) as client:
            client.request(method, path, body, sign(body, SECRET, id="evt_1") if headers is None else headers)
            answer = client.getresponse()
            return answer.status, answer.read(), answer.headers["Server"]

    assert ask("/webhook")[:2] == (202, b"")
    assert ask("/webhook", headers={})[0] == 401 and ask("/webhook", "PUT")[0] == 405
    assert [ask(path, "GET", b"")[0] for path in ("/health", "/ready", "/effects", "/metrics", "/")] == [404] * 5
    assert ask("/webhook", body=b" " * 1_048_576)[0] == 400  # by the receiver: it is no event
    status, body, server = ask("/webhook", body=b" " * 1_048_577)
    assert (status, server) == (413, "nginx") and b"nginx/" not in body, "and no version"
    installed.processes["receiver.py"].kill()
    assert ask("/webhook")[0] == 502


def test_nginx_the_receiver_and_the_example_agree_on_the_largest_body():
    assert "client_max_body_size 1m;" in (TEMPLATE / "nginx.conf").read_text(encoding="utf-8")
    assert "\nLARGEST_BODY=1048576\n" in (TEMPLATE / ".env.example").read_text(encoding="utf-8")
    assert '"LARGEST_BODY", 1_048_576,' in (TEMPLATE / "settings.py").read_text(encoding="utf-8")


def test_the_example_of_the_settings_takes_the_place_of_nothing_that_the_container_file_says():
    """What `docker run --env-file` names comes before ENV."""
    said = re.search(r"(?m)^ENV (.*)", (TEMPLATE / "Dockerfile").read_text(encoding="utf-8"))[1]
    example = re.findall(r"(?m)^(\w+)=", (TEMPLATE / ".env.example").read_text(encoding="utf-8"))
    assert {one.split("=")[0] for one in said.split()}.isdisjoint(example) and "PORT" in example


@pytest.mark.parametrize("name", ["receiver", "worker"])
def test_systemd_never_gives_up(name):
    """By itself it starts a program five times in ten seconds, and then no more."""
    unit = (TEMPLATE / f"{name}.service").read_text(encoding="utf-8")
    assert "\nStartLimitIntervalSec=0\n" in unit.split("[Service]")[0] and "\nRestart=always\n" in unit


def test_the_container_file_says_how_to_start_both_and_that_it_was_not_built():
    """There is nothing here to build it with: its form alone is looked at."""
    text = (TEMPLATE / "Dockerfile").read_text(encoding="utf-8")
    steps = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert {line.split()[0] for line in steps} == {
        "FROM",
        "RUN",
        "WORKDIR",
        "COPY",
        "USER",
        "ENV",
        "VOLUME",
        "EXPOSE",
        "CMD",
    }
    assert json.loads(steps[-1].removeprefix("CMD ")) == ["python", "receiver.py"], (
        "a list: no shell keeps SIGTERM back"
    )
    assert "has not been built" in text and "docker run" in text and "python worker.py" in text
    assert steps.index("USER receiver") > max(n for n, line in enumerate(steps) if line.startswith("RUN"))
    kept_out = (TEMPLATE / ".dockerignore").read_text(encoding="utf-8").split()
    assert ".*" in kept_out and "*.db*" in kept_out, "neither .env nor the inbox gets into an image"
