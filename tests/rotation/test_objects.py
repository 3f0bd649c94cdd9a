# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""The custom resources of examples/rotation and the objects we make of them, by a real API server: it
refuses what its schema does not know (fieldValidation=Strict), and fills in defaults."""
import json
import pathlib
import subprocess
import time

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUP = "apis/csiaddons.openshift.io/v1alpha1"
CRDS = "apis/apiextensions.k8s.io/v1/customresourcedefinitions"
MERGE = {"Content-Type": "application/merge-patch+json"}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
NAMESPACE = "shop"


def path(plural, name="", part=""):
    found = f"{GROUP}/namespaces/{NAMESPACE}/encryptionkeyrotation{plural}"
    return "/".join(filter(None, (found, name, part)))


def strict(place):
    return f"{place}?fieldValidation=Strict"


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def api(kube):
    """With the resources served, and a namespace."""
    manifests = list(yaml.safe_load_all((ROOT / "examples/rotation/crds.yaml").read_text()))
    for manifest in manifests:
        kube.api.call("POST", strict(CRDS), manifest)
    for manifest in manifests:
        name = manifest["metadata"]["name"]
        wait_for(lambda: any(each["type"] == "Established" and each["status"] == "True" for each in
                             kube.api.call("GET", f"{CRDS}/{name}").get("status", {})
                             .get("conditions", [])))
        wait_for(lambda: kube.api.send("GET", path(name.split(".")[0].removeprefix(
            "encryptionkeyrotation")))[0] == 200)
    kube.api.call("POST", "api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    return kube.api


@pytest.fixture(scope="module")
def claim(api):
    return api.call("POST", f"api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims", {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}})


@pytest.fixture(scope="module")
def make(program):
    """What rotation_objects makes of an object."""
    def run(given, *arguments):
        done = subprocess.run([program("rotation_objects"), *arguments], input=json.dumps(given),
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return run


@pytest.fixture
def cron_job(api, claim, make):
    made = api.call("POST", strict(path("cronjobs")), make(claim, "new-cron-job", "class"))
    yield made
    api.call("DELETE", path("cronjobs", made["metadata"]["name"]))


@pytest.fixture
def job(api, cron_job, make):
    made = api.call("POST", strict(path("jobs")), make(cron_job, "new-job"))
    yield made
    api.call("DELETE", path("jobs", made["metadata"]["name"]))


def write_status(api, plural, name, change):
    api.call("PATCH", strict(path(plural, name, "status")), change, MERGE)
    return api.call("GET", path(plural, name))


def test_a_cron_job_is_taken_and_gets_its_defaults(cron_job, claim, make):
    assert cron_job["metadata"]["name"] == "data-keyrotation"
    assert cron_job["metadata"]["ownerReferences"][0]["uid"] == claim["metadata"]["uid"]
    sent = make(claim, "new-cron-job", "class")["spec"]
    assert cron_job["spec"] == {**sent, "concurrencyPolicy": "Forbid"}
    assert make(claim, "new-cron-job", "pvc")["metadata"]["name"] == "data-1767486238"


def test_a_run_is_one_job_however_often_it_is_made(api, cron_job, job, make):
    assert job["metadata"]["name"] == "data-keyrotation-1767486238"
    assert job["spec"] == cron_job["spec"]["jobTemplate"]["spec"]
    status, _ = api.send("POST", strict(path("jobs")), make(cron_job, "new-job"))
    assert status == 409


def test_the_status_of_a_job_is_kept_as_it_is_written(api, job, make):
    name = job["metadata"]["name"]
    for outcome in ("failed", "failed", "succeeded"):
        change = make(job, outcome)
        job = write_status(api, "jobs", name, change)
        assert job["status"] == change["status"]
    assert job["status"]["result"] == "Succeeded"
    assert job["status"]["retries"] == 2
    assert job["status"]["conditions"][0]["message"] == "the key manager is down"


def test_the_status_of_a_cron_job_follows_its_jobs(api, cron_job, job, make):
    name = cron_job["metadata"]["name"]
    change = make({"cronJob": cron_job, "jobs": [job]}, "summary")
    cron_job = write_status(api, "cronjobs", name, change)
    assert cron_job["status"] == change["status"]
    assert cron_job["status"]["active"]["uid"] == job["metadata"]["uid"]
    job = write_status(api, "jobs", job["metadata"]["name"], make(job, "succeeded"))
    # A merge patch leaves what it does not name.
    change = make({"cronJob": cron_job, "jobs": [job]}, "summary")
    change["status"].setdefault("active", None)
    cron_job = write_status(api, "cronjobs", name, change)
    assert cron_job["status"] == {"lastScheduleTime": "2026-01-04T00:23:58Z",
                                  "lastSuccessfulTime": "2026-01-04T00:24:58Z"}


@pytest.mark.parametrize("change", [
    {"schedule": ""}, {"schedule": None}, {"concurrencyPolicy": "Allow"}, {"suspend": "yes"},
    {"failedJobsHistoryLimit": 61}, {"successfulJobsHistoryLimit": -1}, {"jobTemplate": None},
    {"jobTemplate": {"spec": {"backOffLimit": 61}}}, {"jobTemplate": {"spec": {"timeout": 59}}},
    {"jobTemplate": {"spec": {"retryDeadlineSeconds": 1801}}},
    {"jobTemplate": {"spec": {"target": {"persistentVolumeClaim": "other"}}}}], ids=json.dumps)
def test_what_the_schema_forbids_is_refused(api, cron_job, change):
    status, text = api.send("PATCH", strict(path("cronjobs", cron_job["metadata"]["name"])),
                            {"spec": change}, MERGE)
    assert status == 422, text


def test_a_field_that_is_not_known_is_refused(api, cron_job):
    status, text = api.send("PATCH", strict(path("cronjobs", cron_job["metadata"]["name"])),
                            {"spec": {"window": 3}}, MERGE)
    assert status in (400, 422) and "window" in text


def test_the_target_of_a_job_does_not_change(api, job):
    status, text = api.send("PATCH", path("jobs", job["metadata"]["name"]),
                            {"spec": {"target": {"persistentVolumeClaim": "other"}}}, MERGE)
    assert status == 422 and "persistentVolumeClaim is immutable" in text


def test_people_see_the_columns_of_csi_addons(api, job):
    columns = {}
    for plural in ("jobs", "cronjobs"):
        status, text = api.send("GET", path(plural), headers=TABLE)
        assert status == 200
        columns[plural] = [each["name"] for each in json.loads(text)["columnDefinitions"]]
    assert columns == {
        "jobs": ["Name", "Namespace", "Age", "Retries", "Result"],
        "cronjobs": ["Name", "Schedule", "Suspend", "Active", "Lastschedule", "Lastsuccessfultime",
                     "Age"]}
