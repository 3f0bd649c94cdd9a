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
#include "cmd/kms_create_key.h"
#include "cmd/kms_destroy_key.h"
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

int Orphans(const OrphansOptions& options) {
  const Result<int> count = PrintOrphans(options, std::cout);
  if (!count.ok()) {
    return ExitCode(count.status());
  }
  return *count == 0 ? 0 : kFailed;
}

// Of a verb that has said itself what did not go well.
int ExitCode(const Result<bool>& is_ok) {
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
    CLI::App& kms = *app_.add_subcommand("kms", "Look after key managers");
    kms.require_subcommand(1);
    AddTo(
        kms, "check",
        "Preflight: read an entry, log in, store, read and delete a probe; then, of a pool, prove "
        "that each volume's DEK can be had",
        kms_check_, [this] { return ExitCode(RunKmsCheck(kms_check_, std::cout)); });
    AddTo(kms, "create-key", "Make a key-encryption key in a key manager", kms_create_key_,
          [this] { return ExitCode(RunKmsCreateKey(kms_create_key_, std::cout)); });
    AddTo(kms, "destroy-key", "Destroy a key-encryption key that nothing needs any more",
          kms_destroy_key_,
          [this] { return ExitCode(RunKmsDestroyKey(kms_destroy_key_, std::cout)); });
  }

  CLI::App& SimpleIn(CLI::App& parent,
                     const std::string& name,
                     const std::string& text,
                     std::function<int()> run) {
    CLI::App& command = *parent.add_subcommand(name, text);
    command.callback([this, run = std::move(run)] { chosen_ = run; });
    return command;
  }

  void Simple(const std::string& name, const std::string& text, std::function<int()> run) {
    SimpleIn(app_, name, text, std::move(run));
  }

  template <typename Options>
  void AddTo(CLI::App& parent,
             const std::string& name,
             const std::string& text,
             Options& options,
             std::function<int()> run) {
    AddFlags(SimpleIn(parent, name, text, std::move(run)), options);
  }

  template <typename Options>
  void Add(const std::string& name,
           const std::string& text,
           Options& options,
           std::function<int()> run) {
    AddTo(app_, name, text, options, std::move(run));
  }

  CLI::App app_{"CSI driver for encrypted Ceph RBD volumes", "rbdcrypt"};
  ControllerOptions controller_;
  NodeOptions node_;
  RpcOptions rpc_;
  OrphansOptions orphans_;
  KmsCheckOptions kms_check_;
  KmsCreateKeyOptions kms_create_key_;
  KmsDestroyKeyOptions kms_destroy_key_;
  std::function<int()> chosen_;
};

}  // namespace
}  // namespace rbdcrypt::cmd

int main(int argc, char** argv) {
  rbdcrypt::cmd::PrepareProcess();
  return rbdcrypt::cmd::CommandLine().Run(argc, argv);
}
