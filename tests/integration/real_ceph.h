// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/secret.h"
#include "rbd/cluster.h"
#include "rbd/rados_client.h"

namespace rbdcrypt::testing {

// The cluster that `dev/ceph up` started, as its environment (`dev/ceph env`) describes it.
class RealCeph {
 public:
  // Nothing where the environment names no cluster; WhyAbsent() says what is missing.
  static std::optional<RealCeph> FromEnvironment();
  static std::string WhyAbsent();

  rbd::ClusterAddress Address() const { return {.monitors = {monitors_}}; }

  rbd::Credentials User() const { return {.user = user_, .key = key_->Clone()}; }

  // A new connection of the driver's user; an error ends the test program.
  std::unique_ptr<rbd::Connection> Connect() const;

  // The same one layer down, with a time-out of its own.
  std::shared_ptr<rbd::RadosClient> ConnectClient(std::chrono::seconds timeout) const;

  // Runs `command` in a shell as the cluster's administrator and returns its output; an error ends
  // the test program. For what the driver itself never does: snapshots, clones, blocklist listings.
  static std::string Admin(const std::string& command);

 private:
  std::string monitors_;
  std::string user_;
  std::shared_ptr<Secret> key_;
};

// Stops a daemon of the cluster ("mgr.x") while it lives.
class StoppedDaemon {
 public:
  explicit StoppedDaemon(std::string_view name);
  ~StoppedDaemon();
  StoppedDaemon(const StoppedDaemon&) = delete;
  StoppedDaemon& operator=(const StoppedDaemon&) = delete;

 private:
  pid_t pid_ = -1;
};

// Stops one thread of a daemon while it lives, the one of that name, as root. To be destroyed by
// the thread that made it.
class StoppedThread {
 public:
  StoppedThread(std::string_view daemon, std::string_view thread);
  ~StoppedThread();
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;

 private:
  pid_t tid_ = -1;
};

// A name that no other test and no earlier run has used.
std::string UniqueName(std::string_view stem);

// Asks every 0.1 s until `condition` holds; false if it still does not after `limit`.
bool Eventually(std::chrono::seconds limit, const std::function<bool()>& condition);

// A child process that dies with this object; its output is thrown away.
class ChildProcess {
 public:
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Signal(int number) const;

  // SIGSTOP, and waits until each of its threads stands.
  void Stop() const;

  // SIGKILL, and waits until it is gone.
  void Kill();

 private:
  pid_t pid_ = -1;
};

}  // namespace rbdcrypt::testing
