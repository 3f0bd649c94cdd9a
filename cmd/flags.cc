// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/flags.h"

#include <string>

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

// Of AddClusterFlags, for what each verb asks of them.
struct ClusterFlags {
  CLI::Option* cluster = nullptr;
  CLI::Option* key_file = nullptr;
};

ClusterFlags AddClusterFlags(CLI::App& app, ClusterOptions& options) {
  ClusterFlags flags;
  flags.cluster =
      app.add_option("--cluster", options.cluster_id, "clusterID in the cluster configuration");
  app.add_option("--user", options.user, "Ceph user, without 'client.'")->capture_default_str();
  flags.key_file = app.add_option("--key-file", options.key_file, "File with that user's key")
                       ->check(CLI::ExistingFile);
  app.add_option("--cluster-config", options.cluster_config, "Clusters (ceph-csi's config.json)")
      ->capture_default_str();
  return flags;
}

void AddKmsFlags(CLI::App& app, KmsOptions& options, const std::string& timeout) {
  app.add_option("kms-id", options.kms_id, "encryptionKMSID of a StorageClass")->required();
  app.add_option("--kms-config", options.kms_config, "Key managers, KMS ID -> options")
      ->capture_default_str();
  app.add_option("--vault-token-file", options.vault_token_file,
                 "Service account token with which provider vault logs in")
      ->capture_default_str();
  app.add_option("--timeout", options.timeout_seconds, timeout)
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print a JSON object");
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

void AddFlags(CLI::App& app, OrphansOptions& options) {
  const ClusterFlags flags = AddClusterFlags(app, options.cluster);
  flags.cluster->required();
  flags.key_file->required();
  app.add_option("--pool", options.pool, "Pool of images and journal")->required();
  app.add_option("--instanceid", options.instance_id, "Name of the journal's directory")
      ->capture_default_str();
  app.add_flag("--json", options.json, "Print a JSON array");
}

void AddFlags(CLI::App& app, KmsCheckOptions& options) {
  AddKmsFlags(app, options.kms,
              "Deadline of the preflight, and of each volume's proof, in seconds");
  app.add_option("--tenant", options.tenant,
                 "Namespace of the PVCs to check it for; of a pool, prove its volumes alone");
  const ClusterFlags flags = AddClusterFlags(app, options.cluster);
  CLI::Option* const pool = app.add_option(
      "--pool", options.pool,
      "Also prove that the DEK of each volume, snapshot and trashed image of this pool can be had");
  pool->needs(flags.cluster);
  flags.cluster->needs(pool)->needs(flags.key_file);
  flags.key_file->needs(flags.cluster);
  app.add_option("--namespace", options.rados_namespace,
                 "RADOS namespace in the pool (default: radosNamespace of the cluster)")
      ->needs(pool);
  app.add_flag("--open", options.open, "Prove that each DEK opens its LUKS header, too")
      ->needs(pool);
  app.footer(
      "Nothing is written but the preflight's probe, which is removed again. With --pool, volumes\n"
      "that cannot be opened are listed with code and reason. A key manager that does not answer "
      "is\n"
      "one error, and the rest stays unproven. Left out, and said so: volumes whose DEKs need the\n"
      "StorageClass's Secret (default; metadata without secretName; vault with "
      "vaultCAFromSecret).\n"
      "Exit status: 0 if nothing failed, else 1.");
}

void AddFlags(CLI::App& app, KmsCreateKeyOptions& options) {
  AddKmsFlags(app, options.kms, "Deadline, in seconds");
  app.add_option("--bits", options.bits, "Length of the AES key: 128, 192 or 256")
      ->check(CLI::IsMember({128, 192, 256}))
      ->capture_default_str();
  app.add_option("--name", options.name, "Name of the new key; no other may have it")->required();
  app.footer(
      "Prints the identifier of the key and where to put it; until it is there, nothing uses it.\n"
      "Exit status: 0 if the key is there, else 1.");
}

void AddFlags(CLI::App& app, KmsDestroyKeyOptions& options) {
  AddKmsFlags(app, options.kms, "Deadline of each question to the key manager, in seconds");
  app.add_option("key-id", options.key_id, "Identifier of the key in the key manager")->required();
  const ClusterFlags flags = AddClusterFlags(app, options.cluster);
  flags.cluster->required();
  flags.key_file->required();
  CLI::Option_group* const where = app.add_option_group("Where to look", "exactly one of");
  where
      ->add_option("--pool", options.pools,
                   "POOL or POOL/NAMESPACE with volumes, repeatable: name every one there is")
      ->allow_extra_args(false);
  where->add_flag(
      "--all-pools", options.all_pools,
      "All pools of the cluster and their namespaces; one that cannot be read forbids it");
  where->require_option(1);
  app.add_option("--except-cluster", options.except_clusters,
                 "clusterID of the configuration in which no volume needs the key, repeatable")
      ->allow_extra_args(false);
  app.add_flag("--yes", options.yes, "Destroy it; without this only say what would be done");
  app.footer(
      "The key is not destroyed while anything needs it: an entry of the same provider that wraps\n"
      "new DEKs with it, or an image with a DEK, current or previous, that it wrapped: volumes,\n"
      "snapshots, clones, the trash, and images that no journal names. Whatever cannot be told\n"
      "counts as a need. What was not looked into, nobody knows of, and what needs the key there "
      "is\n"
      "lost with it: prefer --all-pools; with --pool, the pools that were not looked into are "
      "named.\n"
      "Every other cluster of the configuration must be named by --except-cluster, once a run of\n"
      "this command with its --cluster has found nothing.\n"
      "Exit status: 0 if the key is destroyed or, without --yes, may be; else 1.");
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
