#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Runs test suites and sums them up.

    tests/run.py [--fuzz-seconds N] [SUITE...]      default: every suite

Each suite writes JUnit files under build/test-results/SUITE/; the table at the end is made of them,
so every case is counted once, and a skipped one with its reason. Exit status 1 if anything failed.
A suite that cannot run on this machine is one skipped case, by name and with the reason.

Everything is built first, one build at a time. Then suites run one after the other, but for the
guest's, whose machine is another one: it runs beside those that are no burden to a core, and what it
prints is shown when it ends. Ctrl-C waits for what runs to clean up after itself.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "build" / "test-results"
FAILURE_LINES = 30  # of a failed case's reason, shown at the end; the whole is in its JUnit file


class Failure(Exception):
    """A suite could not be carried out; its text is the reason."""


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def run(*argv, env=None, log=None):
    """Runs a command with its output passed on, or into `log`; returns its exit status."""
    merged = {**os.environ, **(env or {})}
    child = subprocess.Popen([str(a) for a in argv], cwd=ROOT, env=merged, stdout=log,
                             stderr=subprocess.STDOUT if log else None)
    try:
        return child.wait()
    except KeyboardInterrupt:
        # The terminal told the child, too; subprocess.run() would kill it in the middle of its work.
        child.wait()
        raise


def must(*argv, what, env=None):
    """Runs a command quietly; on failure shows the end of its output."""
    say(what)
    done = subprocess.run([str(a) for a in argv], cwd=ROOT, env={**os.environ, **(env or {})},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout[-6000:])
        raise Failure(f"{what}: exit status {done.returncode}")


def build(preset, *targets):
    must("cmake", "--preset", preset, what=f"configure build/{preset}")
    must("cmake", "--build", ROOT / "build" / preset, "--target", *(targets or ("all",)),
         what=f"build {preset}")


def results_of(suite):
    folder = RESULTS / suite
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def ctest(preset, labels, folder):
    log = RESULTS / f"ctest-{preset}.log"
    status = run("ctest", "--test-dir", f"build/{preset}", "-L", labels, "--output-on-failure",
                 "-j", os.cpu_count() or 2, "--no-tests=error", "--quiet", "--output-log", log,
                 env={"GTEST_OUTPUT": f"xml:{folder}/{preset}/", "GTEST_COLOR": "no"})
    if status and not count(folder / preset)[1]:
        add_case(folder, f"ctest/{preset}", failure=outside_of_cases(log, status))
    return status


def outside_of_cases(log, status):
    """Why ctest failed where each case passed: a crash, a time limit, what a sanitizer found."""
    telling = ("***", "SUMMARY:", "terminate called")
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    found = [line for line in lines if any(each in line for each in telling)]
    return "\n".join([f"exit status {status}; the whole is in {log.relative_to(ROOT)}", *found])


def pytest(folder, path, env=None, log=None, report="pytest.xml"):
    return run("/usr/bin/python3", "-m", "pytest", "-q", "-x", "--junitxml", folder / report, path,
               env=env, log=log)


def add_case(folder, name, failure=None, skipped=None):
    """Records a check that writes no JUnit of its own."""
    case = ElementTree.Element("testcase", name=name)
    if failure:
        ElementTree.SubElement(case, "failure", message=failure)
    if skipped:
        ElementTree.SubElement(case, "skipped", message=skipped)
    suite = ElementTree.Element("testsuite", name=name)
    suite.append(case)
    ElementTree.ElementTree(suite).write(folder / f"{name.replace('/', '_')}.xml")


def check(folder, name, *argv, env=None):
    status = run(*argv, env=env)
    add_case(folder, name, failure=f"exit status {status}" if status else None)
    return status


# ---- suites -------------------------------------------------------------------------------------

def check_format(folder):
    files = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, capture_output=True,
                           text=True, check=True).stdout.split()
    return check(folder, "lint/clang-format", "clang-format", "--dry-run", "-Werror", *files)


def run_unit(folder, options):
    """Unit tests under asan and ubsan, the concurrent ones under tsan, lints, a taste of fuzzing."""
    status = check_format(folder) | ctest("asan", "^unit$", folder)
    for lint in sorted((ROOT / "tests" / "lint").glob("check_*.py")):
        status |= check(folder, f"lint/{lint.stem}", "python3", lint, ROOT)
    status |= check(folder, "lint/check_csi_proto", "python3", "tests/proto/check_csi_proto.py",
                    "protoc", "proto/csi.proto", "tests/proto/csi_1_12.txt")
    return status | ctest("tsan", "^concurrent$", folder) | run_fuzz(folder, options)


def fuzz_one(folder, target, options):
    name = target.name.removeprefix("fuzz_")
    work = RESULTS / "corpus" / name
    work.mkdir(parents=True, exist_ok=True)
    log_path = work.parent / f"{name}.log"
    with open(log_path, "wb") as log:
        status = run(target, f"-max_total_time={options.fuzz_seconds}", "-timeout=10",
                     "-print_final_stats=1", f"-artifact_prefix={work}/", work,
                     ROOT / "tests/fuzz/corpus" / name, log=log)
    text = log_path.read_text(errors="replace")
    add_case(folder, f"fuzz/{name}", failure=text[-2000:] if status else None)
    counts = [line.split()[-1] for line in text.splitlines() if "number_of_executed_units" in line]
    say(f"fuzz {name}: {counts[0] if counts else 'no'} inputs, exit status {status}")
    return status


def run_fuzz(folder, options):
    targets = [path for path in sorted((ROOT / "build/fuzz/tests/fuzz").glob("fuzz_*"))
               if path.is_file() and not path.suffix and os.access(path, os.X_OK)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as threads:
        return max(threads.map(lambda target: fuzz_one(folder, target, options), targets), default=1)


def run_integration(folder, _options):
    return pytest(folder, "tests/integration",
                  env={"RBDCRYPT_TEST_RESULTS": str(folder / "programs")})


def run_sanity(folder, _options):
    return pytest(folder, "tests/sanity")


def run_guest(folder, options):
    return pytest(folder, "tests/guest", log=options.log)


def run_share(folder, path, number):
    """One of SHARES parts, with servers of its own; its output in one piece at its end."""
    log_path = RESULTS / f"{folder.name}-{number}.log"
    with open(log_path, "wb") as log:
        status = pytest(folder, path, log=log, report=f"pytest-{number}.xml",
                        env={"RBDCRYPT_TEST_RESULTS": str(folder / "programs"),
                             "RBDCRYPT_TEST_SHARE": f"{number}/{SHARES}"})
    print(log_path.read_text(errors="replace"), flush=True)
    return status


def run_shares(folder, path):
    """In parts side by side: most of the time something waits for something."""
    with concurrent.futures.ThreadPoolExecutor(SHARES) as threads:
        statuses = threads.map(lambda number: run_share(folder, path, number),
                               range(1, SHARES + 1))
        return int(any(list(statuses)))


def run_kms(folder, _options):
    return run_shares(folder, "tests/keymanagers")


def run_kmip(folder, _options):
    return run_shares(folder, "tests/kmip_server")


def run_scheduler(folder, _options):
    return pytest(folder, "tests/rotation")


def run_demo(folder, _options):
    return pytest(folder, "tests/demo")


# Each has a Ceph, a key manager and a Kubernetes API of its own, of a good GiB together.
SHARES = 3

# What a suite runs, and the presets and targets it needs built.
DRIVER = ("release", "rbdcrypt")
FUZZ = ("fuzz", "fuzz_targets")
SUITES = {
    "unit": (run_unit, [("asan", "all"), ("tsan", "concurrent_tests"), FUZZ]),
    "integration": (run_integration, [DRIVER, ("crash", "rbdcrypt"), ("asan", "integration_tests")]),
    "sanity": (run_sanity, [DRIVER]),
    "kms": (run_kms, [DRIVER, ("asan", "kms_tests")]),
    "kmip": (run_kmip, [DRIVER, ("asan", "kmip_tests")]),
    "scheduler": (run_scheduler, [("asan", "scheduler_tests")]),
    "guest": (run_guest, [DRIVER, ("crash", "krbd_real_test")]),
    "demo": (run_demo, [DRIVER]),
}
# By name only.
EXTRA = {"fuzz": (run_fuzz, [FUZZ])}
# What a suite takes from elsewhere than Debian, each by a command that gets it where it lacks.
TOOLS = {
    "sanity": [("dev/go-tools", "csi-sanity")],
    "kms": [("dev/go-tools", "kube-apiserver"), ("dev/vault", "program")],
    "kmip": [("dev/go-tools", "kube-apiserver")],
}
# Takes every core.
ALONE = ("unit", "fuzz")
# Has a machine of its own, and waits for that.
BESIDE = ("guest",)


# ---- summing up ---------------------------------------------------------------------------------

def reason_of(element):
    """What a JUnit file says of a failed or skipped case."""
    return (element.get("message") or element.text or "").strip()


def count(folder):
    """(passed, [failed], [skipped]) of the JUnit files below a folder, as (name, reason)."""
    passed, failed, skipped = 0, [], []
    for path in sorted(folder.rglob("*.xml")):
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name = f"{case.get('classname') or ''} {case.get('name')}".strip()
            skip = case.find("skipped")
            wrong = [*case.findall("failure"), *case.findall("error")]
            if wrong:
                failed.append((name, "\n".join(reason_of(each) for each in wrong)))
            elif skip is not None:
                skipped.append((name, reason_of(skip)))
            elif case.get("status") != "notrun":
                passed += 1
    return passed, failed, skipped


def failure_to_run(name, reason):
    return 0, [(name, reason)], [], 0


def lacking_tools(name):
    """Why what the suite takes from elsewhere is not to be had; "" where it is."""
    for tool in TOOLS.get(name, []):
        say(f"suite {name}: {' '.join(tool)}")
        done = subprocess.run([ROOT / tool[0], *tool[1:]], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            return f"{' '.join(tool)}: {' '.join(done.stdout.strip().splitlines()[-1:])}"
    return ""


def run_suite(name, options):
    folder = results_of(name)
    say(f"suite {name}")
    begun = time.monotonic()
    lack = lacking_tools(name)
    if lack:
        add_case(folder, name, skipped=lack)
    status = 0 if lack else {**SUITES, **EXTRA}[name][0](folder, options)
    passed, failed, skipped = count(folder)
    if status != 0 and not failed:
        failed.append((f"{name}-run", f"exit status {status}, yet no case says that it failed"))
    if passed + len(failed) + len(skipped) == 0:
        failed.append((f"{name}-run", "nothing ran"))
    say(f"suite {name}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return passed, failed, skipped, time.monotonic() - begun


def run_beside(name, options):
    """As run_suite, with what the suite prints in one piece at its end."""
    log_path = RESULTS / f"{name}.log"
    with open(log_path, "wb") as log:
        row = run_suite(name, argparse.Namespace(**{**vars(options), "log": log}))
    print(log_path.read_text(errors="replace"), flush=True)
    return row


def build_for(names):
    """Builds what the suites need; gives those whose build failed, with why."""
    built, broken = set(), {}
    for name in names:
        try:
            for wanted in {**SUITES, **EXTRA}[name][1]:
                if wanted not in built:
                    build(*wanted)
                    built.add(wanted)
        except Failure as failure:
            broken[name] = str(failure)
    return broken


def run_suites(names, options):
    """One row of the table for each."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    broken = build_for(names)
    rows = {name: failure_to_run(name, reason) for name, reason in broken.items()}
    able = [name for name in names if name not in broken]
    for name in (name for name in able if name in ALONE):
        rows[name] = run_suite(name, options)
    with concurrent.futures.ThreadPoolExecutor(len(BESIDE)) as threads:
        beside = {name: threads.submit(run_beside, name, options)
                  for name in able if name in BESIDE}
        for name in (name for name in able if name not in (*ALONE, *BESIDE)):
            rows[name] = run_suite(name, options)
        rows |= {name: future.result() for name, future in beside.items()}
    return {name: rows[name] for name in names}


def print_table(rows):
    print(f"\n{'suite':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for name, (passed, failed, skipped, seconds) in rows.items():
        print(f"{name:<14}{passed:>8}{len(failed):>8}{len(skipped):>9}{seconds:>9.0f}")
        for case, reason in skipped:
            print(f"  skipped: {case}: {reason.splitlines()[0] if reason else 'no reason given'}")
        for case, _ in failed:
            print(f"  failed: {case}")


def print_failures(rows):
    """Repeats each failure near the end, where the reader of a long log looks first."""
    for name, (_, failed, _, _) in rows.items():
        for case, reason in failed:
            print(f"\nFAILED  {name}: {case}")
            print("\n".join(f"    {line}" for line in reason.splitlines()[:FAILURE_LINES]))


def print_totals(rows):
    """Returns how many cases failed."""
    passed, failed, skipped = (sum(column) for column in zip(*(
        (row[0], len(row[1]), len(row[2])) for row in rows.values())))
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped")
    return failed


def on_interrupt(_number, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("interrupted: waiting for what runs to clean up after itself")
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fuzz-seconds", type=int, default=10)
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    options = parser.parse_args()
    names = options.suites or list(SUITES)
    for name in names:
        if name not in SUITES and name not in EXTRA:
            parser.error(f"no suite {name}; there are: {', '.join([*SUITES, *EXTRA])}")
    signal.signal(signal.SIGINT, on_interrupt)
    try:
        rows = run_suites(names, options)
    except KeyboardInterrupt:
        sys.exit(130)
    print_failures(rows)
    print_table(rows)
    sys.exit(1 if print_totals(rows) else 0)


STARTED = time.monotonic()
if __name__ == "__main__":
    main()
