// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <ostream>

#include "base/context.h"
#include "base/status.h"
#include "cmd/key_destruction.h"
#include "cmd/options.h"
#include "kms/registry.h"
#include "rbd/cluster.h"
#include "rbd/cluster_config.h"

namespace rbdcrypt::cmd {

// What destroying a key stands on. References must outlive the call.
struct KeyDestructionParts {
  kms::Registry& registry;
  const rbd::ClusterConfig& clusters;
  // The cluster of options.cluster, and a connection to it.
  const rbd::ClusterEntry& cluster;
  rbd::Connection& connection;
};

// Looks for what needs the key in every entry of the provider and in the pools that are named
// (rbd/key_use.h), and, with options.yes and only where all was looked at and nothing needs it, has
// the key manager destroy it; entries are asked once more before that, for they may have changed.
//
// Pools are those listed, or all of the cluster with all their namespaces, where one that cannot be
// read forbids it. Every other cluster of the configuration must be excepted by name.
//
// An error is one of options or entry, and nothing was looked at then: kInvalidArgument,
// kUnimplemented (the provider's keys are not administered here), kUnavailable. Everything later is
// in the result, which has all that was found.
Result<KeyDestruction> DestroyKey(const Context& context,
                                  const KmsDestroyKeyOptions& options,
                                  const KeyDestructionParts& parts);

// The verb: connects, does it and prints what came of it. True: the key is destroyed or, without
// options.yes, may be.
Result<bool> RunKmsDestroyKey(const KmsDestroyKeyOptions& options, std::ostream& out);

}  // namespace rbdcrypt::cmd
