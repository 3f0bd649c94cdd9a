// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include "cmd/options.h"

namespace CLI {
class App;
}  // namespace CLI

namespace rbdcrypt::cmd {

// Give `app` the flags of one subcommand and fill `options`, which must outlive the parse. A flag
// wins over the environment, the environment over the default.
void AddFlags(CLI::App& app, ControllerOptions& options);
void AddFlags(CLI::App& app, NodeOptions& options);
void AddFlags(CLI::App& app, OrphansOptions& options);
void AddFlags(CLI::App& app, KmsCheckOptions& options);
void AddFlags(CLI::App& app, KmsCreateKeyOptions& options);
void AddFlags(CLI::App& app, KmsDestroyKeyOptions& options);
void AddFlags(CLI::App& app, RpcOptions& options);

}  // namespace rbdcrypt::cmd
