# SPDX-License-Identifier: Apache-2.0
# Copyright the rbdcrypt authors
"""Our controller and node as processes, and CSI calls to them by `rbdcrypt rpc`."""
import json
import os
import pathlib
import signal
import subprocess
import time

GIB = 1 << 30


class RpcError(Exception):
    """A CSI call that failed: its code and its words."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Process:
    """One role of the driver."""

    def __init__(self, binary, role, folder, flags, env=None):
        self.binary, self.role = str(binary), role
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = self.folder / f"{role}.sock"
        self.log_path = self.folder / f"{role}.log"
        self.flags = [str(f) for f in flags]
        self.env = env or {}
        self.child = None

    def start(self, **extra_env):
        """Starts it and waits until its socket answers."""
        log = open(self.log_path, "ab")
        argv = [self.binary, self.role, "--endpoint", f"unix://{self.socket}", "--metricsport", "0",
                *self.flags]
        self.child = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                      env={**os.environ, **self.env, **extra_env},
                                      start_new_session=True)
        log.close()
        deadline = time.monotonic() + 20
        while True:
            if self.child.poll() is not None:
                raise RuntimeError(f"{self.role} ended: {self.log_path.read_text()[-2000:]}")
            try:
                self.call("Probe", timeout=2)
                return self
            except RpcError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def call(self, method, request=None, timeout=120):
        """One CSI call; the answer as a dict. RpcError if it fails."""
        done = subprocess.run([self.binary, "rpc", "--endpoint", f"unix://{self.socket}",
                               "--timeout", str(timeout), method],
                              input=json.dumps(request or {}), capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
        try:
            error = json.loads(done.stderr.strip().splitlines()[-1])
        except (ValueError, IndexError):
            raise RuntimeError(f"rpc {method}: {done.stderr}") from None
        raise RpcError(error["code"], error["message"])

    def call_until_done(self, method, request, patience=240):
        """Repeats a call as the sidecars and kubelet do, while its error is a passing one."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self.call(method, request)
            except RpcError as error:
                passing = error.code in ("ABORTED", "UNAVAILABLE", "DEADLINE_EXCEEDED",
                                         "FAILED_PRECONDITION")
                if not passing or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        if self.is_running():
            self.child.kill()
            self.child.wait()

    def wait_for_end(self, timeout):
        """Waits for it to end by itself; its exit status."""
        return self.child.wait(timeout)

    def stop(self):
        """SIGTERM, as Kubernetes does."""
        if self.is_running():
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


class Driver:
    """A controller and a node on one cluster, with key managers `local` and `metadata`."""

    def __init__(self, binary, ceph, folder, attacher="auto", env=None, runtime=None):
        self.binary, self.ceph = pathlib.Path(binary), ceph
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kms_config = self.folder / "kms.json"
        self.kms_config.write_text(json.dumps(self.kms_entries()))
        shared = ["--cluster-config", ceph.env["RBDCRYPT_CONFIG"], "--kms-config", self.kms_config]
        self.controller = Process(self.binary, "controller", self.folder, shared, env)
        # A short path: the sockets below it must fit into 107 bytes.
        self.runtime = pathlib.Path(runtime or f"/run/rbdcrypt-{os.getpid()}")
        self.node = Process(self.binary, "node", self.folder,
                            [*shared, "--nodeid", "node-1", "--attacher", attacher,
                             "--runtime-dir", self.runtime], env)

    def kms_entries(self):
        return {
            "local": {"encryptionKMSType": "local",
                      "localKeyFile": str(self.folder / "kek-ring"), "createIfMissing": "true"},
            "metadata": {"encryptionKMSType": "metadata"},
        }

    def start(self):
        self.controller.start()
        self.node.start()
        return self

    def stop(self):
        """Both at once: each takes a while to say its farewells."""
        for process in (self.node, self.controller):
            if process.is_running():
                process.signal(signal.SIGCONT)
                process.signal(signal.SIGTERM)
        self.node.stop()
        self.controller.stop()

    def volume(self, name, **options):
        return Volume(self, name, **options)

    def orphans(self, pool=None):
        """Lines of `rbdcrypt orphans`."""
        env = self.ceph.env
        done = subprocess.run([self.binary, "orphans", "--cluster", env["RBDCRYPT_CLUSTER_ID"],
                               "--pool", pool or env["RBDCRYPT_POOL"],
                               "--user", env["RBDCRYPT_CEPH_USER"],
                               "--key-file", env["RBDCRYPT_CEPH_KEY_FILE"],
                               "--cluster-config", env["RBDCRYPT_CONFIG"]],
                              capture_output=True, text=True)
        if done.returncode != 0 and done.stderr:
            raise RuntimeError(done.stderr)
        return done.stdout.splitlines()


class Volume:
    """One PersistentVolume: the requests that sidecars and kubelet would make for it."""

    def __init__(self, driver, name, kms_id="local", size=GIB, fs_type="ext4", parameters=None,
                 secrets=None, block=False, mode="SINGLE_NODE_WRITER"):
        self.driver, self.name, self.size = driver, name, size
        self.parameters = {"clusterID": driver.ceph.env["RBDCRYPT_CLUSTER_ID"],
                           "pool": driver.ceph.env["RBDCRYPT_POOL"],
                           "csi.storage.k8s.io/pvc/namespace": "team-a"}
        if kms_id is not None:
            self.parameters |= {"encrypted": "true", "encryptionKMSID": kms_id}
        self.parameters |= parameters or {}
        self.secrets = secrets or driver.ceph.secrets
        access = {"block": {}} if block else {"mount": {"fsType": fs_type}}
        self.capability = {**access, "accessMode": {"mode": mode}}
        self.staging = driver.folder / "staging" / name
        self.target = driver.folder / "pods" / name / "mount"
        self.id = None
        self.context = {}

    # Requests.
    def create_request(self):
        return {"name": self.name, "capacityRange": {"requiredBytes": str(self.size)},
                "volumeCapabilities": [self.capability], "parameters": self.parameters,
                "secrets": self.secrets}

    def stage_request(self):
        self.staging.mkdir(parents=True, exist_ok=True)
        return {"volumeId": self.id, "stagingTargetPath": str(self.staging),
                "volumeCapability": self.capability, "secrets": self.secrets,
                "volumeContext": self.context}

    def unstage_request(self):
        return {"volumeId": self.id, "stagingTargetPath": str(self.staging)}

    def publish_request(self, readonly=False):
        self.target.parent.mkdir(parents=True, exist_ok=True)
        return {"volumeId": self.id, "stagingTargetPath": str(self.staging),
                "targetPath": str(self.target), "volumeCapability": self.capability,
                "readonly": readonly, "volumeContext": self.context}

    def delete_request(self):
        return {"volumeId": self.id, "secrets": self.secrets}

    # Calls, repeated as the callers do.
    def take(self, created):
        """Remembers the answer of CreateVolume."""
        self.id = created["volume"]["volumeId"]
        self.context = created["volume"].get("volumeContext", {})
        return self

    def create(self):
        return self.take(self.driver.controller.call_until_done("CreateVolume",
                                                                self.create_request()))

    def stage(self):
        self.driver.node.call_until_done("NodeStageVolume", self.stage_request())
        return self

    def publish(self, readonly=False):
        self.driver.node.call("NodePublishVolume", self.publish_request(readonly))
        return self

    def unpublish(self):
        self.driver.node.call("NodeUnpublishVolume",
                              {"volumeId": self.id, "targetPath": str(self.target)})
        return self

    def unstage(self):
        self.driver.node.call_until_done("NodeUnstageVolume", self.unstage_request())
        return self

    def expand(self, size):
        answer = self.driver.controller.call_until_done(
            "ControllerExpandVolume",
            {"volumeId": self.id, "capacityRange": {"requiredBytes": str(size)},
             "secrets": self.secrets, "volumeCapability": self.capability})
        self.size = size
        return answer

    def node_expand(self):
        return self.driver.node.call(
            "NodeExpandVolume",
            {"volumeId": self.id, "volumePath": str(self.target),
             "stagingTargetPath": str(self.staging), "volumeCapability": self.capability,
             "capacityRange": {"requiredBytes": str(self.size)}})

    def delete(self):
        self.driver.controller.call_until_done("DeleteVolume", self.delete_request())
        return self

    @property
    def uuid(self):
        return self.id[-36:]

    @property
    def image(self):
        return self.context.get("imageName", f"csi-vol-{self.uuid}")
