// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rbdcrypt::cmd {

// What controller and node have in common. Flags and environment that mean what one of ceph-csi's
// means have its name and default (ceph-csi-compat 4.5). Its others (--type, --nodeserver, --v, …)
// are unknown here and refused, so its manifests want their arguments changed.
struct DriverOptions {
  // --endpoint, CSI_ENDPOINT.
  std::string endpoint = "unix:///tmp/csi.sock";
  // --drivername.
  std::string driver_name = "rbd.csi.ceph.com";
  // --instanceid: names the journal's directory object.
  std::string instance_id = "default";
  // --cluster-config, --cluster-mapping: where ceph-csi mounts its ConfigMap.
  std::string cluster_config = "/etc/ceph-csi-config/config.json";
  std::string cluster_mapping = "/etc/ceph-csi-config/cluster-mapping.json";
  // --kms-config.
  std::string kms_config = "/etc/ceph-csi-encryption-kms-config/config.json";
  // --vault-token-file: the service account token with which provider "vault" logs in.
  std::string vault_token_file = "/var/run/secrets/kubernetes.io/serviceaccount/token";
  // --metricsport; 0 picks a free one. POD_IP or 127.0.0.1.
  std::uint16_t metrics_port = 8080;
  std::string metrics_ip = "127.0.0.1";
  // --log-level: debug, info, warn, error; --log-format: text, json.
  std::string log_level = "info";
  std::string log_format = "text";
};

struct ControllerOptions {
  DriverOptions driver;
  // --setmetadata, --clustername: labels on images (ceph-csi-compat 4.5).
  bool set_metadata = false;
  std::string cluster_name;
};

struct NodeOptions {
  DriverOptions driver;
  // --nodeid, NODE_ID.
  std::string node_id;
  // --attacher: auto, krbd, qemu.
  std::string attacher = "auto";
  // --runtime-dir: what must survive this process, but not the machine.
  std::string runtime_dir = "/run/rbdcrypt";
  // --daemon-cgroup: a cgroup v2 folder of the host, "/sys/fs/cgroup/…", to which the attacher qemu
  // moves its daemons, so that they outlive the node's container, which also has to have the host's
  // PID namespace; "": they stay in it.
  std::string daemon_cgroup;
};

// A cluster to look at, and as whom.
struct ClusterOptions {
  // --cluster: a clusterID; "" where none is looked at.
  std::string cluster_id;
  std::string user = "admin";
  // File with the Ceph user's key in its base64 text form.
  std::string key_file;
  std::string cluster_config = "/etc/ceph-csi-config/config.json";
};

// What nothing points at in one pool.
struct OrphansOptions {
  ClusterOptions cluster;
  std::string pool;
  std::string instance_id = "default";
  bool json = false;
};

// One key manager, for what a person does with it.
struct KmsOptions {
  std::string kms_id;
  std::string kms_config = DriverOptions().kms_config;
  std::string vault_token_file = DriverOptions().vault_token_file;
  std::uint32_t timeout_seconds = 60;
  bool json = false;
};

// A preflight of one key manager, and a proof that the volumes of a pool have their DEKs there.
struct KmsCheckOptions {
  KmsOptions kms;
  // --tenant: the namespace of the PVCs to check it for; "": as the driver, where that is possible.
  std::string tenant;
  // Without a clusterID the preflight is all.
  ClusterOptions cluster;
  std::string pool;
  // --namespace: of the pool, in RADOS; nothing: the cluster's own.
  std::optional<std::string> rados_namespace;
  // --open: each DEK must open its header, too.
  bool open = false;
};

// A new KEK.
struct KmsCreateKeyOptions {
  KmsOptions kms;
  int bits = 256;
  std::string name;
};

// A KEK to be destroyed.
struct KmsDestroyKeyOptions {
  KmsOptions kms;
  std::string key_id;
  ClusterOptions cluster;
  // --pool, "POOL" or "POOL/NAMESPACE"; none with all_pools.
  std::vector<std::string> pools;
  bool all_pools = false;
  // --except-cluster: clusterIDs of the configuration in which no volume needs the key, as the
  // caller says.
  std::vector<std::string> except_clusters;
  // --yes: not only say what would be done.
  bool yes = false;
};

// One call to a CSI socket.
struct RpcOptions {
  std::string endpoint = "unix:///tmp/csi.sock";
  // "CreateVolume" or "csi.v1.Controller/CreateVolume".
  std::string method;
  std::uint32_t timeout_seconds = 120;
};

}  // namespace rbdcrypt::cmd
