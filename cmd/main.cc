// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// rbdcrypt: one binary, a subcommand per role and per thing an administrator asks.
#include <functional>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "base/crash_point.h"
#include "base/status.h"
#include "cmd/crash_points.h"
#include "cmd/flags.h"
#include "cmd/kms_check.h"
#include "cmd/orphans.h"
#include "cmd/process.h"
#include "cmd/rpc.h"
#include "cmd/version.h"
#include "cmd/wiring.h"

namespace rbdcrypt::cmd {
namespace {

constexpr int kFailed = 1;

int ExitCode(const Status& status) {
  if (!status.ok()) {
    std::cerr << "rbdcrypt: " << CodeName(status.code()) << ": " << Message(status) << "\n";
    return kFailed;
  }
  return 0;
}

int Orphans(const PoolOptions& options) {
  const Result<int> count = PrintOrphans(options, std::cout);
  if (!count.ok()) {
    return ExitCode(count.status());
  }
  return *count == 0 ? 0 : kFailed;
}

int KmsCheck(const KmsCheckOptions& options) {
  const Result<bool> is_ok = RunKmsCheck(options, std::cout);
  if (!is_ok.ok()) {
    return ExitCode(is_ok.status());
  }
  return *is_ok ? 0 : kFailed;
}

int PrintCrashPoints() {
  for (const std::string_view name : AllCrashPoints()) {
    std::cout << name << "\n";
  }
  return 0;
}

// The subcommands, their options, and what the chosen one does.
class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    Add("controller", "Serve CSI Identity and Controller", controller_,
        [this] { return ExitCode(RunController(controller_)); });
    Add("node", "Serve CSI Identity and Node", node_, [this] { return ExitCode(RunNode(node_)); });
    Add("rpc", "Make one CSI call: JSON on standard input, JSON out", rpc_,
        [this] { return CallRpc(rpc_, std::cin, std::cout, std::cerr); });
    Add("orphans", "List what nothing points at in a pool; exit status 1 if there is any", orphans_,
        [this] { return Orphans(orphans_); });
    AddKms();
    Simple("version", "Print the version", [] {
      std::cout << "rbdcrypt " << Version() << "\n";
      return 0;
    });
#ifdef RBDCRYPT_CRASH_POINTS
    Simple("crash-points", "List the named crash points, one a line", PrintCrashPoints);
#else
    static_cast<void>(PrintCrashPoints);
#endif
  }

  int Run(int argc, char** argv) {
    CLI11_PARSE(app_, argc, argv);
    return chosen_();
  }

 private:
  void AddKms() {
    CLI::App* const kms = app_.add_subcommand("kms", "Look after key managers");
    kms->require_subcommand(1);
    CLI::App* const check = kms->add_subcommand(
        "check", "Preflight: read an entry, log in, store, read and delete a probe");
    AddFlags(*check, kms_check_);
    check->callback([this] { chosen_ = [this] { return KmsCheck(kms_check_); }; });
  }

  CLI::App* Simple(const std::string& name, const std::string& text, std::function<int()> run) {
    CLI::App* const command = app_.add_subcommand(name, text);
    command->callback([this, run = std::move(run)] { chosen_ = run; });
    return command;
  }

  template <typename Options>
  void Add(const std::string& name,
           const std::string& text,
           Options& options,
           std::function<int()> run) {
    AddFlags(*Simple(name, text, std::move(run)), options);
  }

  CLI::App app_{"CSI driver for encrypted Ceph RBD volumes", "rbdcrypt"};
  ControllerOptions controller_;
  NodeOptions node_;
  RpcOptions rpc_;
  PoolOptions orphans_;
  KmsCheckOptions kms_check_;
  std::function<int()> chosen_;
};

}  // namespace
}  // namespace rbdcrypt::cmd

int main(int argc, char** argv) {
  rbdcrypt::cmd::PrepareProcess();
  return rbdcrypt::cmd::CommandLine().Run(argc, argv);
}
