// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/crash_point.h"

#ifdef RBDCRYPT_CRASH_POINTS

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

using Observer = void (*)(void*, std::string_view);

std::atomic<Observer> g_observer{nullptr};
std::atomic<void*> g_observer_argument{nullptr};

// How often each point was passed since start.
class PassCounter {
 public:
  int Next(std::string_view name) {
    absl::MutexLock lock(&mutex_);
    return ++passed_[std::string(name)];
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, int> passed_ ABSL_GUARDED_BY(mutex_);
};

bool IsChosen(const char* variable, std::string_view name, int passed) {
  const char* chosen = std::getenv(variable);
  if (chosen == nullptr) {
    return false;
  }
  const std::string_view wanted = chosen;
  return wanted == Cat(name, "#", passed) || (passed == 1 && wanted == name);
}

}  // namespace

Status AfterEffect(std::string_view name, Status status) {
  if (!status.ok()) {
    return status;
  }
  static PassCounter counter;
  const int passed = counter.Next(name);
  if (const Observer observer = g_observer.load(); observer != nullptr) {
    observer(g_observer_argument.load(), name);
  }
  if (IsChosen("RBDCRYPT_CRASH_AT", name, passed)) {
    static_cast<void>(std::raise(SIGKILL));
  }
  if (IsChosen("RBDCRYPT_STOP_AT", name, passed)) {
    static_cast<void>(std::raise(SIGSTOP));
  }
  return status;
}

void ObserveCrashPointsForTest(void (*observer)(void* argument, std::string_view name),
                               void* argument) {
  g_observer_argument = argument;
  g_observer = observer;
}

}  // namespace rbdcrypt

#endif  // RBDCRYPT_CRASH_POINTS
