# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A throw-away Kubernetes API, by dev/kube."""
import base64
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "dev"))

from service import HttpError, JsonApi  # noqa: E402

# Kind -> the name in paths; all of them are in namespaces but the cluster's own.
PLURALS = {"ConfigMap": "configmaps", "Secret": "secrets", "ServiceAccount": "serviceaccounts",
           "Namespace": "namespaces", "Role": "roles", "RoleBinding": "rolebindings",
           "ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings",
           "Event": "events"}
OF_THE_CLUSTER = ("Namespace", "ClusterRole", "ClusterRoleBinding")
RBAC = "rbac.authorization.k8s.io/v1"
# By which settle() sees that the API server knows of changed rights.
MARK = {"name": "rbdcrypt-tests-mark", "namespace": "default"}
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def environment(program, folder):
    """What `dev/PROGRAM env` says of a folder."""
    text = subprocess.run([ROOT / "dev" / program, "env", "--dir", folder], check=True,
                          capture_output=True, text=True).stdout
    pairs = (line.removeprefix("export ").partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs}


def run_dev(program, *arguments):
    done = subprocess.run([ROOT / "dev" / program, *map(str, arguments)], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"dev/{program} {arguments[0]}: {done.stderr[-2000:]}")


def write_private(path, text):
    """A file that only its owner ever could read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


class AuditLog:
    """The JSON lines of an audit log from here on."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.position = self.path.stat().st_size if self.path.exists() else 0

    def read(self):
        """The entries since the last call."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as file:
            file.seek(self.position)
            data = file.read()
        whole = data[:data.rfind(b"\n") + 1]
        self.position += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


class Kube:
    """One API server below a folder; up() and down() may be repeated."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = {}
        self.api = None
        self.marks = itertools.count(1)

    def up(self):
        run_dev("kube", "up", "--dir", self.folder)
        self.env = environment("kube", self.folder)
        self.api = JsonApi(self.env["RBDCRYPT_KUBE_SERVER"], self.env["RBDCRYPT_KUBE_CA"],
                           (self.env["RBDCRYPT_KUBE_CLIENT_CERT"],
                            self.env["RBDCRYPT_KUBE_CLIENT_KEY"]))
        return self

    def down(self):
        run_dev("kube", "down", "--dir", self.folder)

    def stop(self):
        """The API server alone, without a farewell; up() starts it again."""
        run_dev("kube", "stop", "--dir", self.folder)

    @property
    def server(self):
        return self.env["RBDCRYPT_KUBE_SERVER"]

    @property
    def ca_pem(self):
        return pathlib.Path(self.env["RBDCRYPT_KUBE_CA"]).read_text()

    # ---- objects ----
    @staticmethod
    def path(kind, namespace, name=""):
        version = RBAC if "Role" in kind else "v1"
        group = f"apis/{version}" if "/" in version else f"api/{version}"
        place = "" if kind in OF_THE_CLUSTER else f"/namespaces/{namespace}"
        return f"{group}{place}/{PLURALS[kind]}" + (f"/{name}" if name else "")

    def apply(self, manifests, manager="rbdcrypt-tests"):
        """Server-side apply of each object, in order; namespaces that lack are made. Rights count
        once it returns."""
        manifests = list(manifests)
        for manifest in manifests:
            namespace = manifest["metadata"].get("namespace")
            if namespace and not self.exists("Namespace", None, namespace):
                self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
                         manager)
            self.put(manifest, manager)
        self.settle(*(manifest["kind"] for manifest in manifests))

    def put(self, manifest, manager):
        metadata = manifest["metadata"]
        path = self.path(manifest["kind"], metadata.get("namespace"), metadata["name"])
        self.api.call("PATCH", f"{path}?fieldManager={manager}&force=true", manifest, APPLY)

    def settle(self, *kinds):
        """Where rights are among the changed kinds: until the API server goes by them. It learns of
        roles and bindings from etcd, a moment later and in the order of their changes."""
        if not any("Role" in kind for kind in kinds):
            return
        name = f"mark-{next(self.marks)}"
        self.put({"apiVersion": RBAC, "kind": "Role", "metadata": MARK,
                  "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"],
                             "resourceNames": [name]}]}, "rbdcrypt-tests")
        self.put({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": MARK,
                  "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
                              "name": MARK["name"]},
                  "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io",
                                "name": name}]}, "rbdcrypt-tests")
        deadline = time.monotonic() + 30
        while not self.may(name, "get", MARK["namespace"], "configmaps", name):
            if time.monotonic() > deadline:
                raise RuntimeError("the API server does not go by the rights it was given")
            time.sleep(0.02)

    def may(self, user, verb, namespace, resource, name):
        """Whether a user has a right, by the API server's own word."""
        answer = self.api.call("POST", "apis/authorization.k8s.io/v1/subjectaccessreviews", {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": {"user": user, "resourceAttributes": {
                "verb": verb, "namespace": namespace, "resource": resource, "name": name}}})
        return answer["status"]["allowed"]

    def get(self, kind, namespace, name=""):
        return self.api.call("GET", self.path(kind, namespace, name))

    def exists(self, kind, namespace, name):
        return self.api.send("GET", self.path(kind, namespace, name))[0] == 200

    def merge(self, kind, namespace, name, change):
        """A merge patch: null removes."""
        changed = self.api.call("PATCH", self.path(kind, namespace, name), change, MERGE)
        self.settle(kind)
        return changed

    def delete(self, kind, namespace, name):
        """Removes one object; what it was."""
        was = self.get(kind, namespace, name)
        self.api.call("DELETE", self.path(kind, namespace, name))
        self.settle(kind)
        for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            was["metadata"].pop(field, None)
        return was

    def secret(self, namespace, name):
        """The decoded data of a Secret, as text."""
        data = self.get("Secret", namespace, name).get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    # ---- identities ----
    def token(self, namespace, account, seconds=24 * 3600):
        """A token of a service account, as the kubelet asks for one."""
        answer = self.api.call(
            "POST", self.path("ServiceAccount", namespace, account) + "/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
             "spec": {"expirationSeconds": seconds}})
        return answer["status"]["token"]

    def kubeconfig(self, path, namespace, token_file):
        """Writes a kubeconfig that shows the token of a file; its path. JSON is YAML, too."""
        return write_private(path, json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": self.server, "certificate-authority": self.env["RBDCRYPT_KUBE_CA"]}}],
            "users": [{"name": "test", "user": {"tokenFile": str(token_file)}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test",
                                                      "namespace": namespace}}]}))

    # ---- what happened ----
    def audit(self):
        """The audit log from now on."""
        return AuditLog(self.env["RBDCRYPT_KUBE_AUDIT"])


def requests_of(entries, namespace, account=None):
    """Audit entries of the service accounts of a namespace, or of one of them."""
    prefix = f"system:serviceaccount:{namespace}:" + (account or "")
    return [entry for entry in entries
            if entry["user"]["username"] == prefix
            or (account is None and entry["user"]["username"].startswith(prefix))]


def target_of(entry):
    """(verb, namespace, resource with subresource, name) of an audit entry."""
    target = entry.get("objectRef", {})
    resource = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return entry["verb"], target.get("namespace", ""), resource, target.get("name", "")
