// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <map>
#include <memory>
#include <string>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/context.h"
#include "base/status.h"
#include "vault/answer.h"
#include "vault/authorized_client.h"
#include "vault/config.h"

namespace rbdcrypt::vault {

// A KV engine and the place in it under which the secrets are.
struct KvMount {
  // 1 or 2.
  int version = 1;
  // With the namespace before it: "ns1/secret".
  std::string path;
  // Below the mount, "" for its root: "ceph-csi".
  std::string prefix;
};

// Reads the answer of sys/internal/ui/mounts/<path>: which mount holds `path`.
// kUnavailable: not the answer of a Vault. kInvalidArgument: no KV is there.
Result<KvMount> ParseUiMount(const Answer& answer, const std::string& path);

// The same of sys/mounts; only a mount at exactly `path` counts, as with ceph-csi. kNotFound: none.
Result<KvMount> ParseMounts(const Answer& answer, const std::string& path);

// Finds out what is mounted where an entry's secrets are (ceph-csi-compat 6.7): from the option,
// else from sys/internal/ui/mounts, which any policy for the path opens, else from sys/mounts,
// which ceph-csi asks. Answers are kept, so that one process asks once a mount: who comes while
// somebody asks waits for the answer, and asks for itself only where there was none. Thread safe.
class Mounts {
 public:
  // Errors as AuthorizedClient; kInvalidArgument: nothing, or no KV, is mounted there; names the
  // option. kPermissionDenied: neither question is allowed, and the option does not say it.
  Result<KvMount> Find(const Context& context,
                       AuthorizedClient& client,
                       const VaultOptions& options);

  // What was kept of that mount is wrong; `server_key` as in the client's options.
  void Forget(const std::string& server_key, const VaultOptions& options);

 private:
  // One question under way.
  struct Round {
    bool has_ended = false;
  };

  Status WaitForRound(const Context& context, const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static Result<KvMount> Ask(const Context& context,
                             AuthorizedClient& client,
                             const VaultOptions& options);

  absl::Mutex mutex_;
  absl::CondVar round_ended_;
  std::map<std::string, std::shared_ptr<Round>, std::less<>> rounds_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, KvMount, std::less<>> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::vault
