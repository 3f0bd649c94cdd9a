// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/process.h"

#include <csignal>

#include <malloc.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/secret.h"

namespace rbdcrypt::cmd {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

// glibc keeps what each thread frees in an arena of its own, and librados has many threads: after a
// storm of calls a controller stayed at seven times its idle size. Few arenas, and giving back what
// is free at their end, cost a busy driver no measurable time.
void KeepHeapSmall() {
  constexpr int kArenas = 2;
  constexpr int kThresholdBytes = 64 * 1024;
  ::mallopt(M_ARENA_MAX, kArenas);
  ::mallopt(M_TRIM_THRESHOLD, kThresholdBytes);
  ::mallopt(M_MMAP_THRESHOLD, kThresholdBytes);
}

}  // namespace

void PrepareProcess() {
  KeepHeapSmall();
  ::prctl(PR_SET_DUMPABLE, 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &none);
  static_cast<void>(::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(InitSecretHeap());
}

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void WaitForStop() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (::sigwait(&signals, &signal) != 0) {
  }
}

}  // namespace rbdcrypt::cmd
