// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/version.h"
#include "tests/fakes/fake_kmip_keys.h"
#include "tests/fakes/fake_kmip_operations.h"

namespace rbdcrypt::testing {

// A KMIP server in memory: the bytes of a request in, those of its answer out. Discover Versions,
// Query, Encrypt, Decrypt, Get, Get Attributes, Locate, Create, Activate, Revoke and Destroy, in
// the shapes of 1.x and 2.x, as strict as PyKMIP about the order of fields. Thread safe; change its
// rules before requests come.
//
//   FakeKmip server;
//   server.keys().Put("1", {.material = …});
//   FakeKmipDialer dialer("kmip-1.example:5696", server);
class FakeKmip {
 public:
  using Rules = FakeKmipRules;

  // A request, as hooks and failures see it.
  struct Seen {
    kmip::Version version;
    kmip::Operation operation = kmip::Operation::kQuery;
    // "" where it names none.
    std::string key_id;
    std::vector<std::byte> bytes;
  };

  // What is answered instead of a result.
  struct Failure {
    kmip::ResultReason reason = kmip::ResultReason::kGeneralFailure;
    std::string text = "injected";
    kmip::ResultStatus status = kmip::ResultStatus::kOperationFailed;
    // Without operation and item, of version 1.0, as PyKMIP does with a message as a whole.
    bool is_of_whole_message = false;
    // Whether the operation is carried out before.
    bool acts = false;
  };

  FakeKmip() : FakeKmip(Rules()) {}

  // `keys`: shared with another server, or null for its own.
  explicit FakeKmip(Rules rules, std::shared_ptr<FakeKmipKeys> keys = nullptr);

  FakeKmipKeys& keys() { return *keys_; }

  std::shared_ptr<FakeKmipKeys> shared_keys() const { return keys_; }

  void SetRules(Rules rules);

  // The `nth` request from now (1: the next) that `operation` (none: any) fits is answered so.
  void Fail(std::optional<kmip::Operation> operation, int nth, const Failure& failure);
  // Each such request, until Heal().
  void FailAlways(std::optional<kmip::Operation> operation, const Failure& failure);
  // Forgets all failures that are still to come.
  void Heal();

  // Called for each request before it is carried out, and with the answer's bytes, which it may
  // change. Without a lock held; by several threads at once.
  void OnRequest(std::function<void(const Seen& request)> hook);
  void OnAnswer(std::function<void(const Seen& request, std::vector<std::byte>& answer)> hook);

  // The answer to one message.
  std::vector<std::byte> Answer(std::span<const std::byte> message);

  // Requests so far, failed ones included.
  int Count(kmip::Operation operation) const;
  int Count() const;
  std::vector<Seen> seen() const;

 private:
  struct Planned {
    std::optional<kmip::Operation> operation;
    bool is_lasting;
    // Requests until it.
    int left;
    Failure failure;
  };

  struct Moment;

  Moment Take(const Seen& seen);
  std::vector<std::byte> AnswerTo(const kmip::TtlvView& item,
                                  const FakeKmipCall& call,
                                  const std::optional<Failure>& failure);

  const std::shared_ptr<FakeKmipKeys> keys_;
  mutable absl::Mutex mutex_;
  Rules rules_ ABSL_GUARDED_BY(mutex_);
  std::vector<Planned> planned_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const Seen&)> on_request_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const Seen&, std::vector<std::byte>&)> on_answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<Seen> seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::testing
