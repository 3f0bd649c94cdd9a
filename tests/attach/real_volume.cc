// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/attach/real_volume.h"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crash_point.h"
#include "base/handle.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/subprocess.h"

namespace rbdcrypt::testing {
namespace {

using namespace std::string_view_literals;

CommandOutput MustRun(Command command) {
  auto output = SystemSubprocess().RunChecked(Context::Background(), command);
  if (!output.ok()) {
    std::cerr << Message(output.status()) << std::endl;
    std::abort();
  }
  return *std::move(output);
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::optional<RealCluster> RealCluster::FromEnvironment() {
  RealCluster cluster;
  cluster.key_file_ = Variable("RBDCRYPT_CEPH_KEY_FILE");
  if (cluster.key_file_.empty() || getuid() != 0) {
    return std::nullopt;
  }
  std::ifstream file(cluster.key_file_);
  std::string key;
  std::getline(file, key);
  cluster.access_.monitors = Split(Variable("RBDCRYPT_MONITORS"), ',');
  cluster.access_.user = Variable("RBDCRYPT_CEPH_USER");
  cluster.access_.key = Secret(key + "\n");
  return cluster;
}

Command RealCluster::RbdCommand(const std::vector<std::string>& arguments) const {
  Command command;
  command.argv = {"rbd",       "--id",   access_.user, "-m", Join(access_.monitors, ","),
                  "--keyfile", key_file_};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

std::string RealCluster::Rbd(const std::vector<std::string>& arguments) const {
  return MustRun(RbdCommand(arguments)).standard_output;
}

std::uint64_t RealCluster::ImageSize(const std::string& image) const {
  const auto info = ParseJson(Rbd({"info", "--format=json", Cat(kPool, "/", image)}), "rbd info");
  return info.ok() ? info->value("size", std::uint64_t{0}) : 0;
}

RealImage::RealImage(const RealCluster& cluster, Kind kind)
    : cluster_(cluster), kind_(kind), dek_("pass\0\xff\n\"phrase"sv) {
  static std::atomic<int> counter = 0;
  name_ = Cat("attach-test-", getpid(), "-", ++counter);
  const TempDir folder;
  const std::string file = folder.Write("image", "");
  RBDCRYPT_CHECK(truncate(file.c_str(), static_cast<off_t>(kBytes)) == 0);
  if (kind == Kind::kLuks) {
    MustRun({.argv = {"cryptsetup", "-q", "luksFormat", "--type", "luks2", "--pbkdf", "pbkdf2",
                      "--pbkdf-force-iterations", "1000", "--sector-size", "512", file, "-d", "-"},
             .standard_input = dek_.Clone()});
  }
  cluster.Rbd({"import", file, Cat(RealCluster::kPool, "/", name_)});
}

RealImage::~RealImage() {
  // A daemon that was killed watches the image for 30 s more.
  const Context context = Context::Background();
  const Command remove = cluster_.RbdCommand({"rm", Cat(RealCluster::kPool, "/", name_)});
  const auto give_up = context.clock().Now() + std::chrono::seconds(60);
  while (!SystemSubprocess().RunChecked(context, remove).ok()) {
    if (context.clock().Now() >= give_up) {
      ADD_FAILURE() << "image " << name_ << " cannot be removed";
      return;
    }
    context.clock().SleepUntil(context.clock().Now() + std::chrono::seconds(1));
  }
}

rbd::attach::AttachRequest RealImage::Request() const {
  return {.cluster = cluster_.access(),
          .pool = RealCluster::kPool,
          .rados_namespace = "",
          .image = name_,
          .volume_id = volume_id(),
          .dek = kind_ == Kind::kLuks ? &dek_ : nullptr,
          .read_only = false,
          .map_options = "",
          .data_offset_bytes = kind_ == Kind::kLuks ? kHeaderBytes : 0};
}

rbd::attach::AttachmentKey RealImage::Key() const {
  return {.pool = RealCluster::kPool,
          .rados_namespace = "",
          .image = name_,
          .volume_id = volume_id(),
          .encrypted = kind_ == Kind::kLuks,
          .unmap_options = ""};
}

void WriteAt(const std::string& device, std::int64_t offset_bytes, std::string_view text) {
  const UniqueFd fd(open(device.c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(fd.valid()) << std::strerror(errno);
  ASSERT_EQ(pwrite(fd.get(), text.data(), text.size(), offset_bytes),
            static_cast<ssize_t>(text.size()));
  ASSERT_EQ(fsync(fd.get()), 0);
}

std::string ReadAt(const std::string& device, std::int64_t offset_bytes, std::size_t size) {
  const UniqueFd fd(open(device.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(size, '?');
  if (pread(fd.get(), text.data(), size, offset_bytes) != static_cast<ssize_t>(size)) {
    return std::strerror(errno);
  }
  return text;
}

#ifdef RBDCRYPT_CRASH_POINTS
void CrashAt(std::string_view point, const std::function<void()>& step) {
  const pid_t child = fork();
  if (child == 0) {
    ObserveCrashPointsForTest(
        [](void* chosen, std::string_view passed) {
          if (passed == *static_cast<std::string_view*>(chosen)) {
            raise(SIGKILL);
          }
        },
        &point);
    step();
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << point << " was not passed";
}
#endif

}  // namespace rbdcrypt::testing
