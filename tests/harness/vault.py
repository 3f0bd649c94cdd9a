# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A throw-away Vault (OpenBao), by dev/vault."""
import pathlib
import time

from harness.kube import AuditLog, environment, run_dev
from service import HttpError, JsonApi

REVIEWER = ("vault", "vault-token-reviewer")


class Vault:
    """Servers below a folder; up() and down() may be repeated. Calls are root's, in one namespace:
    inside() gives another one's."""

    def __init__(self, folder, nodes=1):
        self.folder, self.nodes = pathlib.Path(folder), nodes
        self.env = {}
        self.namespace = ""

    def up(self):
        """Starts and unseals what is not."""
        run_dev("vault", "up", "--dir", self.folder, "--nodes", self.nodes)
        self.env = environment("vault", self.folder)
        return self

    def down(self):
        run_dev("vault", "down", "--dir", self.folder)

    def stop(self, node=1):
        """One node, without a farewell."""
        run_dev("vault", "stop", node, "--dir", self.folder)

    def start(self, node=1):
        run_dev("vault", "start", node, "--dir", self.folder)

    def inside(self, namespace):
        """The same server, in a namespace, which is made where it lacks."""
        other = Vault(self.folder, self.nodes)
        other.env = self.env
        if namespace:
            if self.send("GET", f"sys/namespaces/{namespace}")[0] == 404:
                self.call("POST", f"sys/namespaces/{namespace}", {})
            other.namespace = namespace
        return other

    @property
    def addresses(self):
        return self.env["RBDCRYPT_VAULT_ADDR"].split(",")

    @property
    def address(self):
        return self.addresses[0]

    @property
    def ca_pem(self):
        return pathlib.Path(self.env["RBDCRYPT_VAULT_CA"]).read_text()

    # ---- requests ----
    def client(self, node=None):
        """To one node, by default the active one: a standby may answer from the past."""
        node = node or (self.active() if len(self.addresses) > 1 else 1)
        token = pathlib.Path(self.env["RBDCRYPT_VAULT_TOKEN_FILE"]).read_text().strip()
        headers = {"X-Vault-Request": "true", "X-Vault-Token": token}
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        return JsonApi(self.addresses[node - 1], self.env["RBDCRYPT_VAULT_CA"], headers=headers)

    def send(self, method, path, body=None, node=None):
        return self.client(node).send(method, f"v1/{path}", body)

    def call(self, method, path, body=None, node=None):
        return self.client(node).call(method, f"v1/{path}", body)

    # ---- set-up ----
    def mount_kv(self, path, version):
        """A KV engine, ready for use: a new one refuses for a moment (vault.md 6)."""
        self.call("POST", f"sys/mounts/{path}",
                  {"type": "kv", "options": {"version": str(version)}})
        probe = f"{path}/data/probe" if version == 2 else f"{path}/probe"
        deadline = time.monotonic() + 20
        while self.send("GET", probe)[0] != 404:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{path} does not become ready")
            time.sleep(0.05)

    def unmount(self, path):
        self.call("DELETE", f"sys/mounts/{path}")

    def policy(self, name, hcl):
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": hcl})

    def remove_policy(self, name):
        self.call("DELETE", f"sys/policies/acl/{name}")

    def kubernetes_auth(self, kube, mount="kubernetes"):
        """A login that asks `kube` about tokens, as the account REVIEWER."""
        if self.send("POST", f"sys/auth/{mount}", {"type": "kubernetes"})[0] == 400:
            return  # it is there
        self.call("POST", f"auth/{mount}/config", {
            "kubernetes_host": kube.server, "kubernetes_ca_cert": kube.ca_pem,
            "token_reviewer_jwt": kube.token(*REVIEWER), "disable_local_ca_jwt": True})

    def role(self, name, body, mount="kubernetes"):
        self.call("POST", f"auth/{mount}/role/{name}", body)

    def token(self, **options):
        """A new token; options as of auth/token/create."""
        return self.call("POST", "auth/token/create-orphan", options)["auth"]["client_token"]

    def revoke_logins(self, mount="kubernetes"):
        """Ends every token that a login there has given."""
        self.call("PUT", f"sys/leases/revoke-prefix/auth/{mount}/login", {"sync": True})

    # ---- state ----
    def seal(self):
        self.call("PUT", "sys/seal")

    def active(self):
        """The number of the active node, waiting for one."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for node in range(1, len(self.addresses) + 1):
                try:
                    if self.send("GET", "sys/health", node=node)[0] == 200:
                        return node
                except OSError:
                    pass
            time.sleep(0.1)
        raise RuntimeError("no node is active")

    def keys(self, mount, version, prefix=""):
        """Names of the secrets below a prefix of a mount."""
        area = "metadata/" if version == 2 else ""
        try:
            return self.call("GET", f"{mount}/{area}{prefix}?list=true")["data"]["keys"]
        except HttpError as error:
            if error.status == 404:
                return []
            raise

    # ---- what happened ----
    def audit(self, node=1):
        """The audit log of one node from now on."""
        return AuditLog(self.folder / f"node{node}" / "audit.log")


def answers(entries):
    """Of audit entries: one for each request that was answered, root's left out."""
    return [entry for entry in entries if entry["type"] == "response"
            and "root" not in (entry.get("auth") or {}).get("policies", [])]


def identity_of(entry):
    """Who made a request, as "NAMESPACE/ACCOUNT" of a login by Kubernetes, else the name that the
    token was made with; "" for a request without any."""
    auth = entry.get("auth") or entry.get("response", {}).get("auth") or {}
    metadata = auth.get("metadata") or {}
    if "service_account_namespace" in metadata:
        return f"{metadata['service_account_namespace']}/{metadata['service_account_name']}"
    return auth.get("display_name", "")


def path_of(entry):
    """The path with its namespace before it."""
    request = entry["request"]
    namespace = (request.get("namespace") or {}).get("path", "")
    return f"{namespace}{request['path']}"
