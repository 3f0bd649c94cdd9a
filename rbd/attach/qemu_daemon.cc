// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_daemon.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <utility>

#include <sys/syscall.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kKillPatience = std::chrono::seconds(10);
constexpr auto kPause = std::chrono::milliseconds(10);

// Whether the process was started with `text` in one of its arguments. A zombie has none.
Result<bool> HasArgument(const fs::path& process, std::string_view text) {
  ASSIGN_OR_RETURN(const auto arguments, ReadIfThere(process / "cmdline"));
  return arguments && arguments->find(text) != std::string::npos;
}

// Kills `pid` only if it is still a process with that argument: the descriptor pins the process
// before its arguments are looked at.
Status KillIfArgument(pid_t pid, std::string_view text) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid()) {
    return errno == ESRCH ? OkStatus() : FromErrno(errno, Cat("hold process ", pid));
  }
  ASSIGN_OR_RETURN(const bool is_it, HasArgument(fs::path("/proc") / std::to_string(pid), text));
  if (is_it) {
    syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  }
  return OkStatus();
}

}  // namespace

QemuDaemon::QemuDaemon(Subprocess& subprocess, std::string folder, std::string cgroup)
    : subprocess_(subprocess), folder_(std::move(folder)), cgroup_(std::move(cgroup)) {}

Status QemuDaemon::Start(const Context& context) {
  Command command;
  // --daemonize: its parent ends when the monitor listens, with the daemon's last words if not.
  command.argv = {
      "qemu-storage-daemon", "--daemonize",
      "--chardev",           Cat("socket,id=qmp,path=", SocketPath(), ",server=on,wait=off"),
      "--monitor",           "chardev=qmp"};
  RETURN_IF_ERROR(subprocess_.RunChecked(context, command).status());
  ASSIGN_OR_RETURN(const auto pids, Pids());
  for (const pid_t pid : pids) {
    if (const std::string file = cgroup_ + "/cgroup.procs"; !cgroup_.empty()) {
      const int error = WriteKernelFile(file, std::to_string(pid));
      if (error != 0) {
        return FromErrno(error, Cat("move qemu-storage-daemon to the control group ", cgroup_));
      }
    }
  }
  return OkStatus();
}

Result<bool> QemuDaemon::IsRunning() const {
  ASSIGN_OR_RETURN(const auto pids, Pids());
  return !pids.empty();
}

Result<QmpClient> QemuDaemon::Connect(const Context& context) const {
  return QmpClient::Connect(context, SocketPath());
}

std::string QemuDaemon::ExportPath() const {
  return folder_ + "/export";
}

Result<std::string> QemuDaemon::ReachableExportPath() const {
  ASSIGN_OR_RETURN(const auto pids, Pids());
  if (pids.empty()) {
    return Unavailable(Cat("the qemu-storage-daemon of ", folder_, " does not run"));
  }
  return Cat("/proc/", pids.front(), "/root", ExportPath());
}

Status QemuDaemon::Stop(const Context& context) {
  ASSIGN_OR_RETURN(const bool is_running, IsRunning());
  if (!is_running) {
    return OkStatus();
  }
  // The other half is for killing one that hangs.
  const Context peace =
      context.WithTimeout(std::min<std::chrono::nanoseconds>(kPatience, context.TimeLeft() / 2));
  if (auto client = Connect(peace); client.ok()) {
    // It may be gone before it has answered.
    client->Execute(peace, "quit", Json::object()).status().IgnoreError();
    ASSIGN_OR_RETURN(const bool has_ended, WaitUntilGone(peace));
    if (has_ended) {
      return OkStatus();
    }
  }
  RETURN_IF_ERROR(context.Check("killing qemu-storage-daemon"));
  ASSIGN_OR_RETURN(const auto pids, Pids());
  for (const pid_t pid : pids) {
    RETURN_IF_ERROR(KillIfArgument(pid, SocketPath()));
  }
  ASSIGN_OR_RETURN(const bool is_dead, WaitUntilGone(context.WithTimeout(kKillPatience)));
  if (!is_dead) {
    return Unavailable(Cat("the qemu-storage-daemon of ", folder_, " does not end"));
  }
  return OkStatus();
}

Result<bool> QemuDaemon::WaitUntilGone(const Context& context) const {
  while (true) {
    ASSIGN_OR_RETURN(const bool is_running, IsRunning());
    if (!is_running) {
      return true;
    }
    if (!context.Check("waiting for the daemon's end").ok()) {
      return false;
    }
    context.clock().SleepUntil(context.clock().Now() + kPause);
  }
}

std::string QemuDaemon::SocketPath() const {
  return folder_ + "/qmp.sock";
}

Result<std::vector<pid_t>> QemuDaemon::Pids() const {
  std::vector<pid_t> pids;
  const std::string argument = Cat("path=", SocketPath());
  ASSIGN_OR_RETURN(const auto names, ListFolder("/proc"));
  for (const std::string& name : names) {
    const auto pid = ParseUint64(name);
    if (!pid) {
      continue;
    }
    ASSIGN_OR_RETURN(const bool is_it, HasArgument(fs::path("/proc") / name, argument));
    if (is_it) {
      pids.push_back(static_cast<pid_t>(*pid));
    }
  }
  return pids;
}

}  // namespace rbdcrypt::rbd::attach
