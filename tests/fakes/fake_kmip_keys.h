// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "kmip/tags.h"

namespace rbdcrypt::testing {

// A key as a KMIP server keeps it; its bytes are test values.
struct FakeKmipKey {
  std::vector<std::byte> material = {};
  kmip::State state = kmip::State::kActive;
  std::string name = {};
  // Encrypt and Decrypt.
  std::uint32_t usage_mask = 0x0C;
  kmip::ObjectType object_type = kmip::ObjectType::kSymmetricKey;
  kmip::CryptographicAlgorithm algorithm = kmip::CryptographicAlgorithm::kAes;
  kmip::KeyFormatType format = kmip::KeyFormatType::kRaw;
  // Get gives it with Key Wrapping Data.
  bool is_wrapped = false;
  // Get is refused: Sensitive.
  bool is_sensitive = false;
};

// The objects of one or more servers: those that share one serve the same keys. Thread safe.
class FakeKmipKeys {
 public:
  // Adds or replaces.
  void Put(const std::string& id, FakeKmipKey key);
  // Adds under an identifier of its own, "key-1" and so on, which it returns.
  std::string Add(FakeKmipKey key);
  std::optional<FakeKmipKey> Find(const std::string& id) const;
  // The key must be there.
  void SetState(const std::string& id, kmip::State state);
  void Remove(const std::string& id);
  // Identifiers of keys of that name, in order of identifiers; "" means all.
  std::vector<std::string> Named(const std::string& name) const;

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, FakeKmipKey> keys_ ABSL_GUARDED_BY(mutex_);
  int added_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace rbdcrypt::testing
