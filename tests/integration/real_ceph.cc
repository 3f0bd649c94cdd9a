// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/integration/real_ceph.h"

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/strings.h"
#include "rbd/rados_connection.h"

namespace rbdcrypt::testing {
namespace {

constexpr const char* kVariables[] = {"RBDCRYPT_MONITORS", "RBDCRYPT_CEPH_USER",
                                      "RBDCRYPT_CEPH_KEY_FILE", "RBDCRYPT_CEPH_DIR", "CEPH_CONF"};

// A Ceph key is 40 characters of base64.
constexpr std::size_t kKeyFileBytes = 256;

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

Secret ReadKey(const char* path) {
  Secret key(kKeyFileBytes);
  std::ifstream file(path);
  file.read(reinterpret_cast<char*>(key.MutableBytes().data()),
            static_cast<std::streamsize>(key.size()));
  key.Shrink(static_cast<std::size_t>(file.gcount()));
  key.Shrink(Trim(key.RevealText()).size());
  return key;
}

pid_t PidOf(std::string_view daemon) {
  std::ifstream file(Cat(std::getenv("RBDCRYPT_CEPH_DIR"), "/pid/", daemon));
  pid_t pid = -1;
  if (!(file >> pid)) {
    Die(Cat("there is no daemon ", daemon));
  }
  return pid;
}

// Whether each thread of the process is stopped by a signal: "T" after the name in parentheses,
// proc(5), /proc/pid/stat.
bool AllThreadsStand(pid_t pid) {
  for (const auto& task : std::filesystem::directory_iterator(Cat("/proc/", pid, "/task"))) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    const std::size_t name_end = stat.rfind(") ");
    if (name_end == std::string::npos || stat.compare(name_end, 3, ") T") != 0) {
      return false;
    }
  }
  return true;
}

// The signal reaches one thread, which stops the others when it is next run: on a busy machine they
// answer for a while after kill() has returned.
void StopWhole(pid_t pid, std::string_view name) {
  if (::kill(pid, SIGSTOP) != 0 ||
      !Eventually(std::chrono::seconds(30), [pid] { return AllThreadsStand(pid); })) {
    Die(Cat("cannot stop ", name));
  }
}

rbd::RadosClient::Options NoConfigFile() {
  return {.config_path = ""};
}

}  // namespace

std::string RealCeph::WhyAbsent() {
  for (const char* name : kVariables) {
    if (std::getenv(name) == nullptr) {
      return Cat(name, " is not set: run dev/ceph up, then eval \"$(dev/ceph env)\"");
    }
  }
  return "";
}

std::optional<RealCeph> RealCeph::FromEnvironment() {
  if (!WhyAbsent().empty()) {
    return std::nullopt;
  }
  RealCeph ceph;
  ceph.monitors_ = std::getenv("RBDCRYPT_MONITORS");
  ceph.user_ = std::getenv("RBDCRYPT_CEPH_USER");
  ceph.key_ = std::make_shared<Secret>(ReadKey(std::getenv("RBDCRYPT_CEPH_KEY_FILE")));
  return ceph;
}

std::unique_ptr<rbd::Connection> RealCeph::Connect() const {
  auto connection = rbd::RadosConnection::Connect(Address(), User(), NoConfigFile());
  if (!connection.ok()) {
    Die(connection.status().ToString());
  }
  return *std::move(connection);
}

std::shared_ptr<rbd::RadosClient> RealCeph::ConnectClient(std::chrono::seconds timeout) const {
  rbd::RadosClient::Options options = NoConfigFile();
  options.operation_timeout = timeout;
  auto client = rbd::RadosClient::Connect(Address(), User(), options);
  if (!client.ok()) {
    Die(client.status().ToString());
  }
  return *std::move(client);
}

std::string RealCeph::Admin(const std::string& command) {
  std::FILE* pipe = ::popen(Cat("{ ", command, "; } 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    Die("popen failed");
  }
  std::string output;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  if (::pclose(pipe) != 0) {
    Die(Cat(command, " failed: ", output));
  }
  return output;
}

StoppedDaemon::StoppedDaemon(std::string_view name) : pid_(PidOf(name)) {
  StopWhole(pid_, name);
}

StoppedDaemon::~StoppedDaemon() {
  ::kill(pid_, SIGCONT);
}

StoppedThread::StoppedThread(std::string_view daemon, std::string_view thread) {
  const std::string folder = Cat("/proc/", PidOf(daemon), "/task");
  for (const auto& task : std::filesystem::directory_iterator(folder)) {
    std::string name;
    if (std::getline(std::ifstream(task.path() / "comm"), name) && name == thread) {
      tid_ = std::stoi(task.path().filename());
    }
  }
  if (tid_ < 0 || ::ptrace(PTRACE_SEIZE, tid_, nullptr, nullptr) != 0 ||
      ::ptrace(PTRACE_INTERRUPT, tid_, nullptr, nullptr) != 0 ||
      ::waitpid(tid_, nullptr, __WALL) != tid_) {
    Die(Cat("cannot stop thread ", thread, " of ", daemon));
  }
}

StoppedThread::~StoppedThread() {
  ::ptrace(PTRACE_DETACH, tid_, nullptr, nullptr);
}

std::string UniqueName(std::string_view stem) {
  static int counter = 0;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Cat(stem, "-", ::getpid(), "-",
             std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), "-", ++counter);
}

bool Eventually(std::chrono::seconds limit, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return true;
}

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  }
  const int error = ::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    Die(Cat("cannot start ", arguments.front()));
  }
}

ChildProcess::~ChildProcess() {
  Kill();
}

void ChildProcess::Signal(int number) const {
  ::kill(pid_, number);
}

void ChildProcess::Stop() const {
  StopWhole(pid_, "the child");
}

void ChildProcess::Kill() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
}

}  // namespace rbdcrypt::testing
