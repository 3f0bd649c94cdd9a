# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""A key manager to measure: OpenBao and a Kubernetes API, one tenant of provider vaulttenantsa with
its DEKs, set up from examples/kms, and the two programs that fetch them."""
import contextlib
import json
import uuid

from harness.kube import Kube, requests_of, write_private
from harness.vault import Vault, answers, path_of
from harness.world import ACCOUNTS, DRIVER_NAMESPACE, EXAMPLES, read_manifests
from keymanagers.world import Case, World as KeyManagerWorld
from world import BUILD, undisturbed

LOGIN = "auth/kubernetes/login"
PROBE = "sys/internal/ui/mounts/"
GIVEN_BACK = "auth/token/revoke-self"


@contextlib.contextmanager
def servers(world):
    """What keymanagers.world makes of the examples, on servers that end with the context."""
    kube, vault = Kube(world.folder / "kube"), Vault(world.folder / "vault")
    with contextlib.ExitStack() as stack:
        stack.callback(undisturbed, kube.down)
        kube.up()
        kube.apply(read_manifests(EXAMPLES / "token-reviewer.yaml", {}))
        kube.apply({"apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": name, "namespace": DRIVER_NAMESPACE}}
                   for name in ACCOUNTS.values())
        stack.callback(undisturbed, vault.down)
        vault.up()
        yield KeyManagerWorld(world.ceph, kube, vault, world.folder, BUILD / "cmd/rbdcrypt")


class Counts:
    """Requests of all identities but root's, from an audit log of the key manager."""

    def __init__(self, entries):
        paths = [path_of(entry) for entry in answers(entries)]
        self.logins = paths.count(LOGIN)
        self.probes = sum(path.startswith(PROBE) for path in paths)
        self.given_back = paths.count(GIVEN_BACK)
        # Whatever else there is counts, wanted or not.
        self.others = len(paths) - self.logins - self.probes - self.given_back


class Tenant:
    """One tenant with DEKs of volumes that need not exist."""

    def __init__(self, world, servers, deks):
        """`world` is the benchmark's."""
        self.world, self.servers = world, servers
        self.setup = servers.set_up(Case("vaulttenantsa"))
        folder = world.folder
        node = write_private(folder / "node.token",
                             servers.kube.token(DRIVER_NAMESPACE, ACCOUNTS["node"]))
        self.env = {"POD_NAMESPACE": DRIVER_NAMESPACE,
                    "KUBERNETES_CONFIG_PATH": str(servers.kube.kubeconfig(
                        folder / "node.kubeconfig", DRIVER_NAMESPACE, node))}
        self.token_file = write_private(folder / "bare.token", self.setup.vault.token(
            policies=[self.setup.policy], no_default_policy=True))
        self.ids = [f"0001-0005-bench-0000000000000002-{uuid.uuid4()}" for _ in range(deks)]
        self.fetch([deks], stores=True)

    def fetch(self, rounds, callers=16, **options):
        """What a new process of the driver's own code gives, a result for each round (rounds.h)."""
        plan = {"callers": callers, "rounds": rounds, "targets": self.ids,
                "kmsId": self.setup.kms_id, "tenant": self.setup.tenant, **options}
        return json.loads(self.world.run(BUILD / "bench/dek_fetches", stdin=json.dumps(plan),
                                         env=self.env))

    def fetch_barely(self, rounds, callers=16):
        """The same requests by nothing but libcurl."""
        vault = self.setup.vault
        plan = {"callers": callers, "rounds": rounds,
                "targets": [f"v1/{self.setup.mount}/data/{volume}" for volume in self.ids],
                "address": vault.address, "caFile": vault.env["RBDCRYPT_VAULT_CA"],
                "tokenFile": str(self.token_file)}
        return json.loads(self.world.run(BUILD / "bench/bare_fetches", stdin=json.dumps(plan)))

    def watch(self):
        """A function that gives Counts and the number of the driver's requests to Kubernetes, both
        since now."""
        vault, kube = self.setup.vault.audit(), self.servers.kube.audit()
        return lambda: (Counts(vault.read()), len(requests_of(kube.read(), DRIVER_NAMESPACE)))
