// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/subprocess.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/strings.h"

namespace rbdcrypt {
namespace {

// What is kept of each of the program's two outputs.
constexpr std::size_t kCaptureBytes = std::size_t{64} * 1024;

// What an error quotes of a program's output, from its end.
constexpr std::size_t kLastWordsBytes = 1024;

// How late a cancellation or a deadline may be noticed.
constexpr int kPollMilliseconds = 50;

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// SIGPIPE held off from this thread while it writes to a program that may have stopped reading.
class PipeSignalBlock {
 public:
  PipeSignalBlock() {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }

  ~PipeSignalBlock() {
    if (::sigismember(&before_, SIGPIPE) == 0) {
      // The one that a failed write left pending must not arrive after all.
      const timespec at_once = {};
      ::sigtimedwait(&pipe_, nullptr, &at_once);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
};

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

// `ours` is the end that must not block us; the program's end stays as programs expect it.
Result<Pipe> MakePipe(UniqueFd Pipe::*ours) {
  std::array<int, 2> fds = {};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    return FromErrno(errno, "make a pipe");
  }
  Pipe pipe{.read_end = UniqueFd(fds[0]), .write_end = UniqueFd(fds[1])};
  if (::fcntl((pipe.*ours).get(), F_SETFL, O_NONBLOCK) != 0) {
    return FromErrno(errno, "make a pipe");
  }
  return pipe;
}

// What posix_spawn needs to start a program with nothing of ours but three descriptors.
class SpawnPlan {
 public:
  SpawnPlan() {
    RBDCRYPT_CHECK(::posix_spawn_file_actions_init(&actions_) == 0);
    RBDCRYPT_CHECK(::posix_spawnattr_init(&attributes_) == 0);
  }

  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // `input` negative means /dev/null.
  void Prepare(int input, int output, int error) {
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    // These only note what the child is to do, so only memory can fail them.
    RBDCRYPT_CHECK((input < 0
                        ? ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0)
                        : ::posix_spawn_file_actions_adddup2(&actions_, input, 0)) == 0);
    RBDCRYPT_CHECK(::posix_spawn_file_actions_adddup2(&actions_, output, 1) == 0);
    RBDCRYPT_CHECK(::posix_spawn_file_actions_adddup2(&actions_, error, 2) == 0);
    RBDCRYPT_CHECK(::posix_spawn_file_actions_addclosefrom_np(&actions_, 3) == 0);
  }

  // Returns an errno; the process is a group of its own.
  int Spawn(const std::vector<std::string>& argv, pid_t& pid) const {
    std::vector<char*> arguments;
    arguments.reserve(argv.size() + 1);
    for (const std::string& argument : argv) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    const char* path = std::getenv("PATH");
    std::string path_entry = Cat("PATH=", path == nullptr ? kDefaultPath : path);
    std::string locale_entry = "LC_ALL=C";
    const std::array<char*, 3> environment = {path_entry.data(), locale_entry.data(), nullptr};
    return ::posix_spawnp(&pid, arguments.front(), &actions_, &attributes_, arguments.data(),
                          environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// One running program; killed with its whole group and reaped if it is not done with before.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ~Child() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      Reap();
    }
  }

  Status Start(const Command& command);
  Result<CommandOutput> Finish(const Context& context, const Command& command);

 private:
  void FeedInput(const Secret& input);
  static void Collect(UniqueFd& from, std::string& into);
  int Reap();
  bool WaitForEvent();

  pid_t pid_ = 0;
  UniqueFd exited_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd error_;
  std::size_t written_ = 0;
};

Status Child::Start(const Command& command) {
  Pipe input;
  if (!command.standard_input.empty()) {
    ASSIGN_OR_RETURN(input, MakePipe(&Pipe::write_end));
  }
  ASSIGN_OR_RETURN(Pipe output, MakePipe(&Pipe::read_end));
  ASSIGN_OR_RETURN(Pipe error, MakePipe(&Pipe::read_end));
  SpawnPlan plan;
  plan.Prepare(input.read_end.get(), output.write_end.get(), error.write_end.get());
  if (const int failed = plan.Spawn(command.argv, pid_); failed != 0) {
    pid_ = 0;
    return FromErrno(failed, Cat("start ", command.argv.front()));
  }
  // The wrapper of glibc 2.36 is declared without C linkage.
  exited_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!exited_.valid()) {
    return FromErrno(errno, Cat("watch ", command.argv.front()));
  }
  input_ = std::move(input.write_end);
  output_ = std::move(output.read_end);
  error_ = std::move(error.read_end);
  return OkStatus();
}

void Child::FeedInput(const Secret& input) {
  while (input_.valid() && written_ < input.size()) {
    const auto rest = input.Reveal().subspan(written_);
    const ssize_t count = ::write(input_.get(), rest.data(), rest.size());
    if (count < 0 && errno == EAGAIN) {
      return;
    }
    if (count < 0 && errno != EINTR) {
      break;  // It stopped reading, which is the program's own affair; its exit code tells.
    }
    written_ += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  input_.Reset();
}

// Takes what is there, at most one full pipe; what does not fit into `into` is dropped.
void Child::Collect(UniqueFd& from, std::string& into) {
  std::array<char, 4096> buffer;
  for (std::size_t taken = 0; from.valid() && taken < kCaptureBytes;) {
    const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0 && errno == EAGAIN) {
      return;
    }
    if (count <= 0) {
      from.Reset();
      return;
    }
    const auto size = static_cast<std::size_t>(count);
    taken += size;
    into.append(buffer.data(), std::min(size, kCaptureBytes - into.size()));
  }
}

int Child::Reap() {
  int wait_status = 0;
  while (::waitpid(pid_, &wait_status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return wait_status;
}

// True once the program has ended. poll() skips the negative descriptors of closed pipes.
bool Child::WaitForEvent() {
  std::array<pollfd, 4> events = {{
      {.fd = exited_.get(), .events = POLLIN, .revents = 0},
      {.fd = output_.get(), .events = POLLIN, .revents = 0},
      {.fd = error_.get(), .events = POLLIN, .revents = 0},
      {.fd = input_.get(), .events = POLLOUT, .revents = 0},
  }};
  return ::poll(events.data(), events.size(), kPollMilliseconds) > 0 && events[0].revents != 0;
}

// Ends with the program itself: a daemon that it left behind may keep the pipes open for ever.
Result<CommandOutput> Child::Finish(const Context& context, const Command& command) {
  const std::string& program = command.argv.front();
  CommandOutput output;
  bool ended = false;
  while (!ended) {
    RETURN_IF_ERROR(context.Check(Cat(program, " ended, so it was killed")));
    ended = WaitForEvent();
    FeedInput(command.standard_input);
    Collect(output_, output.standard_output);
    Collect(error_, output.standard_error);
  }
  const int wait_status = Reap();
  if (WIFSIGNALED(wait_status)) {
    const int signal = WTERMSIG(wait_status);
    return Internal(Cat(program, " died by signal ", signal, " (", ::sigdescr_np(signal), ")"));
  }
  output.exit_code = WEXITSTATUS(wait_status);
  return output;
}

class RealSubprocess final : public Subprocess {
 public:
  Result<CommandOutput> Run(const Context& context, const Command& command) override {
    if (command.argv.empty() || command.argv.front().empty()) {
      return InvalidArgument("a command without a program");
    }
    RETURN_IF_ERROR(context.Check(Cat("running ", command.argv.front())));
    PipeSignalBlock no_pipe_signals;
    Child child;
    RETURN_IF_ERROR(child.Start(command));
    return child.Finish(context, command);
  }
};

std::string_view LastWords(const CommandOutput& output) {
  const std::string_view error = Trim(output.standard_error);
  const std::string_view said = error.empty() ? Trim(output.standard_output) : error;
  return said.substr(said.size() - std::min(said.size(), kLastWordsBytes));
}

}  // namespace

Result<CommandOutput> Subprocess::RunChecked(const Context& context, const Command& command) {
  ASSIGN_OR_RETURN(CommandOutput output, Run(context, command));
  if (output.exit_code != 0) {
    const std::string_view said = LastWords(output);
    return Internal(Cat(command.argv.front(), " ended with exit code ", output.exit_code, ": ",
                        said.empty() ? "it said nothing" : said));
  }
  return output;
}

Subprocess& SystemSubprocess() {
  static RealSubprocess subprocess;
  return subprocess;
}

}  // namespace rbdcrypt
