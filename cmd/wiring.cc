// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/wiring.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "base/subprocess.h"
#include "base/uuid.h"
#include "cmd/key_managers.h"
#include "cmd/kms_watch.h"
#include "cmd/kubernetes.h"
#include "cmd/process.h"
#include "cmd/version.h"
#include "csi/attachers.h"
#include "csi/controller.h"
#include "csi/identity.h"
#include "csi/node.h"
#include "csi/rpc.h"
#include "csi/server.h"
#include "csi/system_host.h"
#include "rbd/attach/dm_crypt.h"
#include "rbd/attach/krbd.h"
#include "rbd/attach/qemu_storage.h"
#include "rbd/attach/rbd_bus.h"
#include "rbd/attach/select.h"
#include "rbd/cluster_config.h"
#include "rbd/connections.h"
#include "rbd/luks/memory_gate.h"
#include "rbd/rados_connection.h"
#include "rbd/stage_flow.h"
#include "rbd/volume_flow.h"
#include "rbd/volume_location.h"

namespace rbdcrypt::cmd {
namespace {

Result<std::unique_ptr<rbd::Connection>> Connect(const rbd::ClusterAddress& address,
                                                 const rbd::Credentials& credentials) {
  return rbd::RadosConnection::Connect(address, credentials, {});
}

std::string HostName() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

#ifdef RBDCRYPT_CRASH_POINTS
// The crash tests do not wait 180 s for the lock of each process they kill.
void ShortenLockForCrashTests(rbd::VolumeLock::Options& lock) {
  if (const char* seconds = std::getenv("RBDCRYPT_LOCK_SECONDS"); seconds != nullptr) {
    lock.duration = std::chrono::seconds(ParseUint64(seconds).value_or(180));
  }
}
#else
void ShortenLockForCrashTests(rbd::VolumeLock::Options& /*lock*/) {}
#endif

// What controller and node have in common, in the order it is built.
class Driver {
 public:
  // `kubernetes` may be null.
  Driver(const DriverOptions& options,
         const std::string& role,
         const std::string& cluster_name,
         std::unique_ptr<Kubernetes> kubernetes)
      : options_(options),
        kubernetes_(std::move(kubernetes)),
        clusters_(options.cluster_config, options.cluster_mapping),
        connections_(SystemClock(), Connect),
        key_managers_({.config_file = options.kms_config,
                       .vault_token_file = options.vault_token_file,
                       .cluster_name = cluster_name,
                       .changed = [this] { kms_changes_.Raise(); }},
                      kubernetes_.get(),
                      metrics_),
        locator_(clusters_, connections_, options.instance_id),
        parts_{.locator = locator_,
               .kms = key_managers_.registry(),
               .lock = {},
               .metrics = &metrics_,
               .on_unreleased_dek = [this](const rbd::UnreleasedDek& dek) { Tell(dek); }},
        door_(metrics_, SystemClock(), {}),
        identity_(door_, {.name = options.driver_name, .version = Version()}, OkStatus) {
    parts_.lock.identity = Cat(HostName(), "/", role, "/", options.endpoint);
    parts_.lock.process = NewUuid();
    parts_.lock.metrics = &metrics_;
    ShortenLockForCrashTests(parts_.lock);
  }

  // Serves `service` beside Identity until a signal says stop.
  Status Serve(grpc::Service& service, const std::string& role) {
    const bool is_ipv6 = options_.metrics_ip.find(':') != std::string::npos;
    const std::string ip = is_ipv6 ? Cat("[", options_.metrics_ip, "]") : options_.metrics_ip;
    ASSIGN_OR_RETURN(const std::uint16_t port, metrics_.Serve(Cat(ip, ":", options_.metrics_port)));
    ASSIGN_OR_RETURN(const std::unique_ptr<csi::Server> server,
                     csi::Server::Start(options_.endpoint, {&identity_, &service}));
    LogInfo("ready", {{"role", role},
                      {"driver", options_.driver_name},
                      {"version", Version()},
                      {"endpoint", options_.endpoint},
                      {"metrics", Cat(ip, ":", port)}});
    WaitForStop();
    LogInfo("stopping", {{"role", role}});
    server->Stop(csi::kStopGrace);
    kms_watch_.reset();
    key_managers_.Close();
    return OkStatus();
  }

  // Checks every KMS entry, now and when it changes, until the end of Serve().
  void WatchKeyManagers() {
    kms_watch_ =
        std::make_unique<KmsWatch>(key_managers_.config(), key_managers_.background_registry(),
                                   kms_changes_, metrics_, kubernetes_.get());
  }

  const rbd::VolumeFlowParts& parts() const { return parts_; }

  csi::Door& door() { return door_; }

 private:
  // In our own namespace: the tenant's may be gone.
  void Tell(const rbd::UnreleasedDek& dek) {
    if (kubernetes_ == nullptr) {
      return;
    }
    const std::string& ns = kubernetes_->ns();
    kubernetes_->events().Record(
        {.regarding = {.api_version = "v1", .kind = "Namespace", .ns = ns, .name = ns},
         .is_warning = true,
         .reason = "UnreleasedDek",
         .message =
             Cat("volume ", dek.volume_id, " was deleted, but its DEK stayed in KMS \"", dek.kms_id,
                 "\" (tenant \"", dek.tenant, "\"): ", dek.reason, "; remove it there")});
  }

  const DriverOptions& options_;
  Metrics metrics_;
  const std::unique_ptr<Kubernetes> kubernetes_;
  rbd::ClusterConfig clusters_;
  rbd::Connections connections_;
  ChangeSignal kms_changes_;
  KeyManagers key_managers_;
  std::unique_ptr<KmsWatch> kms_watch_;
  rbd::VolumeLocator locator_;
  rbd::VolumeFlowParts parts_;
  csi::Door door_;
  csi::IdentityService identity_;
};

// Those named `usable`, in that order; the others may still hold volumes that were staged before.
csi::Attachers AttachersOf(const std::vector<std::string>& usable,
                           std::vector<rbd::attach::Attacher*> all) {
  std::vector<rbd::attach::Attacher*> chosen;
  for (const std::string& name : usable) {
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto* each) { return each->name() == name; });
    RBDCRYPT_CHECK(found != all.end());
    chosen.push_back(*found);
    all.erase(found);
  }
  return csi::Attachers(std::move(chosen), all);
}

Result<std::unique_ptr<Kubernetes>> FindKubernetes() {
  return Kubernetes::Find(k8s::ProcessEnvironment(), SystemClock(), HostName());
}

Status Prepare(const DriverOptions& options) {
  BlockStopSignals();
  RETURN_IF_ERROR(csi::CheckDriverName(options.driver_name));
  return InitLog(options.log_level,
                 options.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
}

}  // namespace

Status RunController(const ControllerOptions& options) {
  RETURN_IF_ERROR(Prepare(options.driver));
  ASSIGN_OR_RETURN(std::unique_ptr<Kubernetes> kubernetes, FindKubernetes());
  Driver driver(options.driver, "controller", options.cluster_name, std::move(kubernetes));
  driver.WatchKeyManagers();
  rbd::VolumeFlow flow(driver.parts());
  csi::ControllerService controller(
      driver.door(), flow,
      {.set_metadata = options.set_metadata, .cluster_name = options.cluster_name});
  return driver.Serve(controller, "controller");
}

Status RunNode(const NodeOptions& options) {
  RETURN_IF_ERROR(Prepare(options.driver));
  Subprocess& subprocess = SystemSubprocess();
  ASSIGN_OR_RETURN(const std::vector<std::string> usable,
                   rbd::attach::SelectMappers(Context::Background(), subprocess, options.attacher));
  rbd::attach::RbdBus bus{rbd::attach::RbdBus::Options()};
  rbd::attach::CryptsetupDmCrypt dm_crypt;
  rbd::attach::Krbd krbd({.bus = bus, .dm_crypt = dm_crypt, .subprocess = subprocess});
  ASSIGN_OR_RETURN(const auto qemu, rbd::attach::QemuStorage::New(
                                        {.runtime_folder = Cat(options.runtime_dir, "/qemu"),
                                         .daemon_cgroup = options.daemon_cgroup},
                                        subprocess));
  const csi::Attachers attachers = AttachersOf(usable, {&krbd, qemu.get()});
  csi::SystemHost host(subprocess);
  ASSIGN_OR_RETURN(std::unique_ptr<Kubernetes> kubernetes, FindKubernetes());
  Driver driver(options.driver, "node", /*cluster_name=*/"", std::move(kubernetes));
  LogInfo("attachers", {{"usable", Join(usable, ",")}, {"configured", options.attacher}});
  rbd::StageFlow flow(driver.parts());
  csi::NodeService node(driver.door(),
                        {.flow = flow,
                         .attachers = attachers,
                         .host = host,
                         .gate = rbd::luks::MemoryGate::ForProcess()},
                        {.node_id = options.node_id, .topology = {}});
  return driver.Serve(node, "node");
}

}  // namespace rbdcrypt::cmd
