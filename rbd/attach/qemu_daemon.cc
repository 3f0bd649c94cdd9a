// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/attach/qemu_daemon.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/attach/small_file.h"

namespace rbdcrypt::rbd::attach {
namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kKillPatience = std::chrono::seconds(10);
constexpr auto kPause = std::chrono::milliseconds(10);

// Whether the process is our own user's and was started with `text` in one of its arguments. A
// zombie has none.
Result<bool> HasArgument(const fs::path& process, std::string_view text) {
  struct stat status {};

  if (stat(process.c_str(), &status) != 0) {
    const int error = errno;
    return error == ENOENT || error == ESRCH
               ? Result<bool>(false)
               : Unavailable(Cat("look at ", process.native(), ": ", std::strerror(error)));
  }
  if (status.st_uid != geteuid()) {
    return false;
  }
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

UniqueFd OpenAt(int folder, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = resolve;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how))));
}

// The file "export" of `folder` in the root of process `pid`, held but not opened yet: opening
// alone can block (a pipe) or act (a device).
Result<UniqueFd> HoldExport(pid_t pid, const std::string& folder) {
  const std::string where = Cat(folder, "/export of process ", pid);
  const UniqueFd root(open(Cat("/proc/", pid, "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) {
    return Unavailable(Cat("reach ", where, ": ", std::strerror(errno)));
  }
  // Symbolic links on the way (/var/run) end in that root; the file itself may be none.
  const UniqueFd parent = OpenAt(root.get(), folder, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
  UniqueFd file = OpenAt(parent.get(), "export", O_PATH, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
  if (!file.valid()) {
    return FailedPrecondition(Cat("reach ", where, ": ", std::strerror(errno)));
  }
  return file;
}

// Before anything is done with it: only qemu's own export takes what is done without harm.
Status CheckIsExport(int file, const std::string& folder) {
  struct stat status {};

  struct statfs filesystem {};

  if (fstat(file, &status) != 0 || fstatfs(file, &filesystem) != 0) {
    return Unavailable(Cat("look at ", folder, "/export: ", std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode) || filesystem.f_type != FUSE_SUPER_MAGIC) {
    return FailedPrecondition(Cat(folder,
                                  "/export is not the export of a qemu-storage-daemon: not "
                                  "a regular file of a FUSE file system"));
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

Result<UniqueFd> QemuDaemon::OpenExport(const Context& context, int access_mode) const {
  ASSIGN_OR_RETURN(QmpClient client, Connect(context));
  ASSIGN_OR_RETURN(const pid_t pid, client.PeerPid());
  ASSIGN_OR_RETURN(const UniqueFd held, HoldExport(pid, folder_));
  // It still answers, so that the number was nobody else's meanwhile.
  RETURN_IF_ERROR(client.Execute(context, "query-block-exports", Json::object()).status());
  RETURN_IF_ERROR(CheckIsExport(held.get(), folder_));
  UniqueFd file(open(Cat("/proc/self/fd/", held.get()).c_str(), access_mode | O_CLOEXEC));
  if (!file.valid()) {
    return FromErrno(errno, Cat("open ", ExportPath()));
  }
  return file;
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
