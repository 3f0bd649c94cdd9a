# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The program as a process: signals, ports, flags, and what a release build must not have."""
import json
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from harness.driver import RpcError

MIB = 1 << 20
SIZE = 384 * MIB


def run(program, *arguments, env=None, **options):
    return subprocess.run([str(program), *[str(a) for a in arguments]], capture_output=True,
                          text=True, timeout=30, env=env, **options)


def get(process, path):
    address = re.findall(r"metrics=(\S+)", process.log_path.read_text())[-1]
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, ""


@pytest.mark.parametrize("role", ["controller", "node"])
def test_sigterm_finishes_the_call_in_flight(make_driver, crash_binary, pool, new_name, role):
    """A call is caught in the middle by SIGSTOP; then SIGTERM comes, then the call goes on."""
    driver = make_driver(crash_binary)
    stop_at = {"controller": "create.dek", "node": "attach.qemu-started"}[role]
    process = getattr(driver, role)
    for each in (driver.controller, driver.node):
        each.start(**({"RBDCRYPT_STOP_AT": stop_at} if each is process else {}))
    v = driver.volume(new_name(), fs_type="xfs", size=SIZE, secrets=driver.volume_secrets)
    if role == "node":
        v.create()
    answers = []
    call = {"controller": lambda: driver.controller.call("CreateVolume", v.create_request()),
            "node": lambda: driver.node.call("NodeStageVolume", v.stage_request())}[role]
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    wait_until_stopped(process)
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    thread.join()
    assert len(answers) == 1, "the call in flight was cut off"
    assert process.wait_for_end(30) == 0
    assert not process.socket.exists()
    with pytest.raises(RpcError) as caught:
        process.call("Probe", timeout=2)
    assert caught.value.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    process.start()
    if role == "controller":
        v.take(answers[0])
        v.stage()
    v.unstage().delete()
    assert pool.traces(v.uuid) == []


def wait_until_stopped(process):
    deadline = time.monotonic() + 60
    while "T" != open(f"/proc/{process.child.pid}/stat").read().rpartition(")")[2].split()[0]:
        assert time.monotonic() < deadline, "it did not stop"
        time.sleep(0.02)


def test_metrics_and_health_on_one_port(driver, volume):
    volume(size=SIZE).create().delete()
    with pytest.raises(RpcError):
        driver.controller.call("CreateVolume", {})
    status, text = get(driver.controller, "/metrics")
    assert status == 200
    assert re.search(r'^rbdcrypt_rpc_total\{[^}]*code="OK"[^}]*method="CreateVolume"[^}]*\} 1$|'
                     r'^rbdcrypt_rpc_total\{[^}]*method="CreateVolume"[^}]*code="OK"[^}]*\} 1$',
                     text, re.MULTILINE), text
    assert re.search(r'^rbdcrypt_rpc_total\{.*INVALID_ARGUMENT.*\} 1$', text, re.MULTILINE), text
    assert re.search(r'^rbdcrypt_rpc_in_flight 0$', text, re.MULTILINE), text
    for process in (driver.controller, driver.node):
        assert get(process, "/healthz")[0] == 200
        assert get(process, "/no-such-path")[0] == 404


def test_second_process_on_a_socket_is_refused_and_the_first_serves_on(driver, release_binary):
    controller = driver.controller
    second = run(release_binary, "controller", "--endpoint", f"unix://{controller.socket}",
                 "--metricsport", "0", *controller.flags)
    assert second.returncode == 1
    assert "FAILED_PRECONDITION" in second.stderr and str(controller.socket) in second.stderr
    assert controller.call("Probe") is not None


def test_socket_of_a_killed_process_is_taken_over(driver):
    driver.controller.kill()
    assert driver.controller.socket.exists()
    driver.controller.start()
    assert driver.controller.call("GetPluginInfo")["name"] == "rbd.csi.ceph.com"


def test_file_at_the_endpoint_is_not_removed(driver, release_binary):
    path = driver.folder / "not-a-socket"
    path.write_text("precious")
    done = run(release_binary, "controller", "--endpoint", f"unix://{path}", "--metricsport", "0",
               *driver.controller.flags)
    assert done.returncode == 1 and str(path) in done.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("arguments, words", [
    ([], "subcommand"),
    (["no-such-role"], "subcommand"),
    (["controller", "--no-such-flag"], "--no-such-flag"),
    (["controller", "--log-level", "loud"], "--log-level"),
    (["controller", "--metricsport", "70000"], "--metricsport"),
    (["controller", "--endpoint", "tcp://127.0.0.1:1"], "endpoint"),
    (["controller", "--endpoint", "unix:///" + "long/" * 30], "107"),
    (["controller", "--drivername", "no/name"], "name"),
    (["node"], "--nodeid"),
    (["node", "--nodeid", "n", "--attacher", "magic"], "--attacher"),
    (["node", "--nodeid", "n", "--attacher", "qemu", "--runtime-dir", "/run/" + "long" * 20,
      "--endpoint", "unix:///nowhere/node.sock"], "runtime"),
    (["orphans"], "--cluster"),
    (["rpc", "--timeout", "0", "Probe"], "--timeout"),
])
def test_wrong_flags_are_named(release_binary, arguments, words):
    done = run(release_binary, *arguments)
    assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV), done
    assert words in done.stderr + done.stdout, done


def test_metrics_port_that_is_taken(driver, release_binary):
    port = re.findall(r"metrics=127\.0\.0\.1:(\d+)", driver.controller.log_path.read_text())[-1]
    done = run(release_binary, "controller", "--endpoint", f"unix://{driver.folder}/other.sock",
               "--metricsport", port, *driver.controller.flags)
    assert done.returncode == 1 and "UNAVAILABLE" in done.stderr and port in done.stderr


def test_unknown_method_and_no_server(release_binary, driver):
    done = run(release_binary, "rpc", "--endpoint", f"unix://{driver.controller.socket}", "Fly",
               input="{}")
    assert done.returncode == 2 and json.loads(done.stderr)["code"] == "UNIMPLEMENTED"
    with pytest.raises(RpcError) as caught:
        driver.node.call("CreateVolume", {})
    assert caught.value.code == "UNIMPLEMENTED"


def test_release_build_has_no_crash_points(make_driver, release_binary, crash_binary, new_name,
                                           pool):
    assert run(crash_binary, "crash-points").returncode == 0
    assert run(release_binary, "crash-points").returncode != 0
    for variable in (b"RBDCRYPT_CRASH_AT", b"RBDCRYPT_STOP_AT", b"RBDCRYPT_LOCK_SECONDS"):
        assert variable in crash_binary.read_bytes()
        assert variable not in release_binary.read_bytes()
    driver = make_driver(release_binary, env={"RBDCRYPT_CRASH_AT": "create.image",
                                              "RBDCRYPT_STOP_AT": "create.dek"})
    driver.controller.start()
    v = driver.volume(new_name(), size=SIZE, secrets=driver.volume_secrets)
    v.take(driver.controller.call("CreateVolume", v.create_request())).delete()
    assert pool.traces(v.uuid) == []


def test_no_core_dump(driver):
    """Safety E1, as the kernel tells it of both roles."""
    for process in (driver.controller, driver.node):
        pid = process.child.pid
        limits = open(f"/proc/{pid}/limits").read()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), limits


def test_restarted_node_knows_what_is_staged(driver, volume, pool):
    v = volume(fs_type="xfs", size=SIZE).create().stage().publish()
    (v.target / "hello").write_text("before the restart")
    driver.node.kill()
    driver.node.start()
    v.stage()
    assert (v.target / "hello").read_text() == "before the restart"
    v.unpublish().unstage().delete()
    assert pool.traces(v.uuid) == []
