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
#include "cmd/process.h"
#include "cmd/version.h"
#include "csi/attachers.h"
#include "csi/controller.h"
#include "csi/identity.h"
#include "csi/node.h"
#include "csi/rpc.h"
#include "csi/server.h"
#include "csi/system_host.h"
#include "kms/config.h"
#include "kms/default_secret.h"
#include "kms/local.h"
#include "kms/metadata.h"
#include "kms/registry.h"
#include "kms/scrypt.h"
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

// The table of key managers: the only place that names them all.
kms::Providers Providers() {
  const auto gate = std::make_shared<kms::ScryptGate>(kms::ScryptGate::OnePerCore());
  return {{"default", {.open = kms::DefaultSecretProvider(), .keeps_deks = true}},
          {"metadata", {.open = kms::MetadataProvider(gate), .keeps_deks = false}},
          {"local", {.open = kms::LocalProvider(), .keeps_deks = false}}};
}

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
  Driver(const DriverOptions& options, const std::string& role)
      : options_(options),
        clusters_(options.cluster_config, options.cluster_mapping),
        connections_(SystemClock(), Connect),
        kms_config_(options.kms_config),
        registry_(kms_config_, Providers(), &metrics_),
        locator_(clusters_, connections_, options.instance_id),
        parts_{.locator = locator_, .kms = registry_, .lock = {}, .metrics = &metrics_},
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
    return OkStatus();
  }

  const rbd::VolumeFlowParts& parts() const { return parts_; }

  csi::Door& door() { return door_; }

 private:
  const DriverOptions& options_;
  Metrics metrics_;
  rbd::ClusterConfig clusters_;
  rbd::Connections connections_;
  kms::FileConfigSource kms_config_;
  kms::Registry registry_;
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

Status Prepare(const DriverOptions& options) {
  BlockStopSignals();
  RETURN_IF_ERROR(csi::CheckDriverName(options.driver_name));
  return InitLog(options.log_level,
                 options.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
}

}  // namespace

Status RunController(const ControllerOptions& options) {
  RETURN_IF_ERROR(Prepare(options.driver));
  Driver driver(options.driver, "controller");
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
  Driver driver(options.driver, "node");
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
