// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/memory_gate.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include <absl/time/time.h>

#include "base/strings.h"

namespace rbdcrypt::rbd::luks {
namespace {

// Left to everything else in the process while an expensive test runs.
constexpr std::uint64_t kReserveBytes = 64ULL * 1024 * 1024;

// How long a waiter sleeps before it looks whether its caller still waits.
constexpr absl::Duration kCancelPoll = absl::Milliseconds(100);

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// The number behind `name` in lines of "name number …", as meminfo and memory.stat have them.
std::optional<std::uint64_t> FindNumber(const std::string& text, std::string_view name) {
  for (const std::string& line : Split(text, '\n')) {
    std::istringstream fields(line);
    std::string field;
    std::string number;
    if (fields >> field >> number && field == name) {
      return ParseUint64(number);
    }
  }
  return std::nullopt;
}

// The cgroup of this process and all above it, outermost first; within a container's own cgroup
// namespace that is "" alone.
std::vector<std::string> CgroupFolders(const std::string& proc_self_cgroup) {
  std::vector<std::string> folders = {""};
  for (const std::string& line : Split(proc_self_cgroup, '\n')) {
    if (!line.starts_with("0::/")) {
      continue;
    }
    for (const std::string& name : Split(line.substr(4), '/')) {
      folders.push_back(Cat(folders.back(), "/", name));
    }
  }
  return folders;
}

bool IsExpensive(std::uint64_t bytes) {
  return bytes > kCheapKdfBytes;
}

std::uint64_t Mebibytes(std::uint64_t bytes) {
  return bytes / (1024ULL * 1024);
}

}  // namespace

MemoryGate::Pass::~Pass() {
  if (gate_ != nullptr) {
    gate_->Leave(bytes_);
  }
}

MemoryGate& MemoryGate::ForProcess() {
  static MemoryGate gate;
  return gate;
}

Result<MemoryGate::Pass> MemoryGate::Enter(const Context& context, std::uint64_t bytes) {
  if (bytes == 0) {
    return Pass();
  }
  RETURN_IF_ERROR(Take(context, bytes));
  Pass pass(this, bytes);
  if (IsExpensive(bytes)) {
    RETURN_IF_ERROR(CheckMemory(bytes));
  }
  return pass;
}

bool MemoryGate::HasRoom(std::uint64_t bytes) const {
  return IsExpensive(bytes) ? !expensive_runs_ : cheap_bytes_ + bytes <= kCheapKdfBudgetBytes;
}

Status MemoryGate::Take(const Context& context, std::uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  const auto has_room = [this, bytes]()
                            ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return HasRoom(bytes); };
  do {
    RETURN_IF_ERROR(context.Check("test a keyslot whose key derivation takes memory"));
  } while (!mutex_.AwaitWithTimeout(absl::Condition(&has_room), kCancelPoll));
  if (IsExpensive(bytes)) {
    expensive_runs_ = true;
  } else {
    cheap_bytes_ += bytes;
  }
  return OkStatus();
}

void MemoryGate::Leave(std::uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  if (IsExpensive(bytes)) {
    expensive_runs_ = false;
  } else {
    cheap_bytes_ -= bytes;
  }
}

Status MemoryGate::CheckMemory(std::uint64_t bytes) const {
  ASSIGN_OR_RETURN(const Memory memory, ReadMemory());
  const std::uint64_t needed = bytes + kReserveBytes;
  const std::string what = Cat("this keyslot's key derivation needs ", Mebibytes(bytes),
                               " MiB of memory and ", Mebibytes(kReserveBytes), " MiB of reserve");
  if (memory.limit_bytes && *memory.limit_bytes < needed) {
    return ResourceExhausted(Cat(what, ", but the container's limit is ",
                                 Mebibytes(*memory.limit_bytes),
                                 " MiB: raise its memory limit, or rotate the key where there is "
                                 "more (new keyslots need almost none)"));
  }
  if (memory.free_bytes < needed) {
    return Unavailable(
        Cat(what, ", but ", Mebibytes(memory.free_bytes), " MiB are available: trying later"));
  }
  return OkStatus();
}

Result<MemoryGate::Memory> MemoryGate::ReadMemory() const {
  Memory memory;
  const std::string meminfo = root_ + "/proc/meminfo";
  const std::optional<std::uint64_t> available = FindNumber(ReadFile(meminfo), "MemAvailable:");
  if (!available) {
    return Unavailable(Cat("cannot read MemAvailable from ", meminfo,
                           ", so a keyslot with an expensive key derivation is not tested"));
  }
  memory.free_bytes = *available * 1024;
  for (const std::string& folder : CgroupFolders(ReadFile(root_ + "/proc/self/cgroup"))) {
    ApplyCgroup(Cat(root_, "/sys/fs/cgroup", folder), memory);
  }
  return memory;
}

void MemoryGate::ApplyCgroup(const std::string& folder, Memory& memory) {
  const std::string max_text = ReadFile(folder + "/memory.max");
  const std::optional<std::uint64_t> max = ParseUint64(Trim(max_text));  // "max": no limit
  if (!max) {
    return;
  }
  memory.limit_bytes = std::min(memory.limit_bytes.value_or(*max), *max);
  const std::string current_text = ReadFile(folder + "/memory.current");
  const std::uint64_t current = ParseUint64(Trim(current_text)).value_or(*max);
  // Page cache that the kernel drops before it kills: the kubelet's working set leaves it out too.
  const std::uint64_t droppable =
      FindNumber(ReadFile(folder + "/memory.stat"), "inactive_file").value_or(0);
  const std::uint64_t used = current - std::min(current, droppable);
  memory.free_bytes = std::min(memory.free_bytes, *max - std::min(*max, used));
}

}  // namespace rbdcrypt::rbd::luks
