// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/context.h"
#include "base/handle.h"
#include "base/status.h"
#include "base/subprocess.h"
#include "rbd/attach/qmp_client.h"

namespace rbdcrypt::rbd::attach {

// The qemu-storage-daemon of one volume, known by its folder alone.
//
// It is started with nothing but a monitor socket in that folder, in a session of its own, and
// lives on when this process ends. What is left of it is found again by its command line, which
// names the folder, among the processes of our own user: a process number on file could be
// anybody's after a restart, and is never written before a crash.
//
// In a container, the daemon still belongs to the container's control group and mount namespace:
// when the container is replaced, the kubelet kills it with the rest, unless `cgroup` names a group
// (under a cgroup file system of the host) to move it to. Even then it dies with a PID namespace of
// the container's own, so the container has to share the host's. Its FUSE file is reached through
// its own /proc/<pid>/root, whichever mount namespace that is.
class QemuDaemon {
 public:
  QemuDaemon(Subprocess& subprocess, std::string folder, std::string cgroup);

  // Returns when the monitor listens. kNotFound: the program is not installed. kInternal: it ended,
  // with its last words.
  Status Start(const Context& context);

  // kUnavailable: the processes cannot be listed, which does not mean that it ended (safety A4).
  Result<bool> IsRunning() const;

  // kUnavailable: it does not run.
  Result<QmpClient> Connect(const Context& context) const;

  // The file in the folder that the volume's export is mounted on.
  std::string ExportPath() const;

  // Opens it (O_RDONLY or O_RDWR), in the mount namespace of the process that answers on the socket
  // in our folder: command lines can be anybody's. kFailedPrecondition: what is there is not the
  // regular file of a FUSE file system; it is not touched. kUnavailable: the daemon does not run.
  Result<UniqueFd> OpenExport(const Context& context, int access_mode) const;

  // Ends it in peace, so that the image is flushed and its locks and watches are let go; kills it
  // where it does not listen, and if it has not ended after 20 s or half of the context's time. Ok
  // if none runs. kUnavailable: it does not end even so.
  Status Stop(const Context& context);

 private:
  std::string SocketPath() const;
  Result<std::vector<pid_t>> Pids() const;
  Result<bool> WaitUntilGone(const Context& context) const;

  Subprocess& subprocess_;
  std::string folder_;
  std::string cgroup_;
};

}  // namespace rbdcrypt::rbd::attach
