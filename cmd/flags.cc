// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/flags.h"

#include <CLI/CLI.hpp>

namespace rbdcrypt::cmd {
namespace {

void AddDriverFlags(CLI::App& app, DriverOptions& options) {
  app.add_option("--endpoint", options.endpoint, "CSI socket")
      ->envname("CSI_ENDPOINT")
      ->capture_default_str();
  app.add_option("--drivername", options.driver_name, "Name of the driver")->capture_default_str();
  app.add_option("--instanceid", options.instance_id, "Name of the journal's directory")
      ->capture_default_str();
  app.add_option("--cluster-config", options.cluster_config, "Clusters (ceph-csi's config.json)")
      ->capture_default_str();
  app.add_option("--cluster-mapping", options.cluster_mapping, "Clusters after a fail-over")
      ->capture_default_str();
  app.add_option("--kms-config", options.kms_config, "Key managers, KMS ID -> options")
      ->capture_default_str();
  app.add_option("--vault-token-file", options.vault_token_file,
                 "Service account token with which KMS provider vault logs in")
      ->capture_default_str();
  app.add_option("--metricsport", options.metrics_port, "Port of /metrics and /healthz, 0: any")
      ->capture_default_str();
  app.add_option("--metricsip", options.metrics_ip, "Address of that port")
      ->envname("POD_IP")
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "Least level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "Form of a log line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

}  // namespace

void AddFlags(CLI::App& app, ControllerOptions& options) {
  AddDriverFlags(app, options.driver);
  app.add_flag("--setmetadata,!--no-setmetadata", options.set_metadata,
               "Label images with the names of PV, PVC and cluster");
  app.add_option("--clustername", options.cluster_name, "Name of the Kubernetes cluster");
}

void AddFlags(CLI::App& app, NodeOptions& options) {
  AddDriverFlags(app, options.driver);
  app.add_option("--nodeid", options.node_id, "Name of this node")->envname("NODE_ID")->required();
  app.add_option("--attacher", options.attacher, "How images are mapped")
      ->check(CLI::IsMember({"auto", "krbd", "qemu"}))
      ->capture_default_str();
  app.add_option("--runtime-dir", options.runtime_dir, "State that outlives this process")
      ->capture_default_str();
  app.add_option("--daemon-cgroup", options.daemon_cgroup,
                 "cgroup v2 folder for qemu-storage-daemon, outside of the node's container");
}

void AddFlags(CLI::App& app, PoolOptions& options) {
  app.add_option("--cluster", options.cluster_id, "clusterID in the cluster configuration")
      ->required();
  app.add_option("--pool", options.pool, "Pool of images and journal")->required();
  app.add_option("--user", options.user, "Ceph user, without 'client.'")->capture_default_str();
  app.add_option("--key-file", options.key_file, "File with that user's key")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--instanceid", options.instance_id, "Name of the journal's directory")
      ->capture_default_str();
  app.add_option("--cluster-config", options.cluster_config, "Clusters (ceph-csi's config.json)")
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print a JSON array");
}

void AddFlags(CLI::App& app, KmsCheckOptions& options) {
  app.add_option("kms-id", options.kms_id, "encryptionKMSID of a StorageClass")->required();
  app.add_option("--tenant", options.tenant, "Namespace of the PVCs to check it for");
  app.add_option("--kms-config", options.kms_config, "Key managers, KMS ID -> options")
      ->capture_default_str();
  app.add_option("--vault-token-file", options.vault_token_file,
                 "Service account token with which provider vault logs in")
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_seconds, "Deadline of all steps, in seconds")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print a JSON object");
}

void AddFlags(CLI::App& app, RpcOptions& options) {
  app.add_option("--endpoint", options.endpoint, "CSI socket")
      ->envname("CSI_ENDPOINT")
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_seconds, "Deadline of the call, in seconds")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_option("method", options.method, "CreateVolume, or csi.v1.Controller/CreateVolume")
      ->required();
}

}  // namespace rbdcrypt::cmd
