# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""What the throw-away servers written in Python share: one folder each, their processes, TLS, HTTP.

Progress goes to standard error and results to standard output, as in lib.sh.
"""
import argparse
import contextlib
import fcntl
import inspect
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

DEV = pathlib.Path(__file__).resolve().parent
START_SECONDS = 60
STARTED = time.monotonic()
NAME = "dev/" + pathlib.Path(sys.argv[0]).name


def say(text):
    print(f"[{time.monotonic() - STARTED:5.1f} s] {NAME}: {text}", file=sys.stderr)


def die(text):
    say(f"error: {text}")
    sys.exit(1)


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "rbdcrypt"


def run(*argv):
    """A program whose output is shown only where it fails."""
    done = subprocess.run([str(part) for part in argv], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-3000:])
        die(f"{argv[0]} failed")
    return done.stdout


def free_port():
    """A free port below the range that outgoing connections come from."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


# ---- TLS ----------------------------------------------------------------------------------------

EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA_KEY = ["-newkey", "rsa:2048"]
PLAIN = ["-nodes", "-days", "30"]


def make_ca(folder):
    """ca.pem and ca.key in a new folder."""
    folder.mkdir()
    run("openssl", "req", "-x509", *EC_KEY, *PLAIN, "-keyout", folder / "ca.key", "-out",
        folder / "ca.pem", "-subj", "/CN=rbdcrypt test CA",
        "-addext", "basicConstraints=critical,CA:true")


def make_certificate(folder, name, names, subject=None, key=EC_KEY, usage=None):
    """NAME.pem and NAME.key by the CA of `folder`; `names` as in subjectAltName, `usage` as in
    extendedKeyUsage."""
    extensions = ["basicConstraints=critical,CA:false", f"subjectAltName={names}",
                  *([f"extendedKeyUsage={usage}"] if usage else [])]
    run("openssl", "req", "-x509", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", *key,
        *PLAIN, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem",
        "-subj", subject or f"/CN={name}",
        *(part for extension in extensions for part in ("-addext", extension)))


# ---- HTTP ---------------------------------------------------------------------------------------

class HttpError(Exception):
    """An answer that is no success: its status and its text."""

    def __init__(self, what, status, text):
        super().__init__(f"{what}: {status} {text}")
        self.status, self.text = status, text


class JsonApi:
    """An HTTPS server whose bodies are JSON, by its own CA."""

    def __init__(self, base, ca, client=None, headers=None):
        """`client`: the paths of a certificate and its key."""
        self.base, self.headers = base, headers or {}
        self.context = ssl.create_default_context(cafile=ca)
        if client is not None:
            self.context.load_cert_chain(*client)

    def send(self, method, path, body=None, headers=None, timeout=30):
        """(status, text) whatever the status; OSError where nothing answers."""
        request = urllib.request.Request(
            f"{self.base}/{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers, **(headers or {})})
        try:
            with urllib.request.urlopen(request, context=self.context, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def call(self, method, path, body=None, headers=None):
        """The body of a success as an object, {} where it has none; else HttpError."""
        status, text = self.send(method, path, body, headers)
        if status >= 300:
            raise HttpError(f"{method} {path}", status, text)
        return json.loads(text) if text else {}


# ---- processes ----------------------------------------------------------------------------------

class Process:
    """One server process: its folder has its log and pid; `sign` is an argument of it alone."""

    def __init__(self, folder, sign):
        self.folder, self.sign = pathlib.Path(folder), str(sign)

    def pid(self):
        """Its pid, or None where it does not run: a number alone may be anyone's.

        While a process replaces itself by another program it has no command line for a moment, as
        one that has ended has none for good.
        """
        try:
            pid = int((self.folder / "pid").read_text())
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        is_replaced = argv == [b""] and state not in "ZX"
        return pid if is_replaced or os.fsencode(self.sign) in argv else None

    def start(self, *argv):
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "log", "ab") as log:
            child = subprocess.Popen([str(part) for part in argv], stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, start_new_session=True,
                                     cwd=self.folder)
        (self.folder / "pid").write_text(str(child.pid))

    def stop(self):
        pid = self.pid()
        if pid is not None:
            # With its own children, of which it is the leader.
            os.killpg(pid, signal.SIGKILL)
            self.wait_for(lambda: self.pid() is None, alive=False)
        (self.folder / "pid").unlink(missing_ok=True)

    def wait_for(self, condition, alive=True):
        """Until the condition holds; dies where the process ends, or after START_SECONDS."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            if alive and self.pid() is None:
                die(f"{self.folder.name} has ended; see {self.folder}/log")
            if time.monotonic() > deadline:
                die(f"{self.folder.name} is not ready after {START_SECONDS} s; see "
                    f"{self.folder}/log")
            time.sleep(0.05)


class Service:
    """The servers of one folder, which a marker file tells from other folders."""

    MARKER = None

    def __init__(self, folder):
        self.folder = folder
        self.state_path = folder / "state.json"
        self.state = json.loads(self.state_path.read_text()) if self.state_path.exists() else None

    def processes(self):
        """Those that the folder has ever had."""
        raise NotImplementedError

    def make_folder(self):
        self.remove()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / self.MARKER).touch()

    def save(self):
        temporary = self.state_path.with_suffix(".new")
        temporary.write_text(json.dumps(self.state))
        temporary.rename(self.state_path)

    def remove(self):
        """Stops what runs and removes the folder, if it is one of this program."""
        if self.folder.exists() and any(self.folder.iterdir()):
            if not (self.folder / self.MARKER).exists():
                die(f"{self.folder} is not empty and not one of this program")
            for process in self.processes():
                process.stop()
            shutil.rmtree(self.folder)


# ---- command line -------------------------------------------------------------------------------

def make_parser(name, actions, doc):
    """A parser with ACTION, the rest and --dir."""
    parser = argparse.ArgumentParser(prog=f"dev/{name}", description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    state = os.environ.get("RBDCRYPT_STATE_DIR") or cache_dir() / "run"
    parser.add_argument("action", choices=actions)
    parser.add_argument("rest", nargs="*")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path(state) / name)
    return parser


@contextlib.contextmanager
def locked(folder):
    """One program at a time works on a folder; what it makes is for its user alone."""
    os.umask(0o077)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def carry_out(service, arguments, extra):
    """The actions that all have; `extra`: name -> function of the rest, for a folder in use."""
    action = arguments.action
    if action == "down":
        service.remove()
        say(f"down: {service.folder} is removed")
    elif action == "status":
        text, code = service.status()
        print(text)
        sys.exit(code)
    elif service.state is None:
        die(f"nothing in {service.folder}; run: {NAME} up --dir {service.folder}")
    elif action == "env":
        for name, value in service.env().items():
            print(f"export {name}={value}")
    else:
        try:
            inspect.signature(extra[action]).bind(*arguments.rest)
        except TypeError as error:
            die(f"{action}: {error}; see {NAME} --help")
        try:
            extra[action](*arguments.rest)
        except (HttpError, OSError) as error:
            die(str(error))
