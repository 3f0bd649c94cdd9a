// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "kmip/client.h"
#include "kmip/operations.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/fake_kmip_dialer.h"
#include "tests/support/fake_clock.h"

namespace rbdcrypt::testing {

// Servers of the same keys, "a:5696" and so on, with the key "kek" among them, and a client of
// them.
class ClientWorld {
 public:
  explicit ClientWorld(std::size_t servers = 1, kmip::ClientOptions options = {}) {
    std::vector<std::unique_ptr<net::Dialer>> dialers;
    for (std::size_t i = 0; i < servers; ++i) {
      servers_.push_back(std::make_unique<FakeKmip>(
          FakeKmip::Rules{}, servers_.empty() ? nullptr : servers_[0]->shared_keys()));
      auto dialer = std::make_unique<FakeKmipDialer>(
          std::string(1, static_cast<char>('a' + i)) + ":5696", *servers_.back());
      dialers_.push_back(dialer.get());
      dialers.push_back(std::move(dialer));
    }
    servers_[0]->keys().Put("kek", {.material = std::vector<std::byte>(32)});
    client_ = std::make_unique<kmip::Client>(std::move(dialers), options);
  }

  FakeClock& clock() { return clock_; }

  FakeKmip& server(std::size_t index = 0) { return *servers_[index]; }

  FakeKmipDialer& dialer(std::size_t index = 0) { return *dialers_[index]; }

  kmip::Client& client() { return *client_; }

  Context context() { return Context({.clock = &clock_}); }

  // One request that may be repeated. Where it was answered is in `served_by`.
  Status Read(const Context& context) {
    return client_->Run(context, kms::Urgency::kMount, [&](kmip::Session& session) {
      RETURN_IF_ERROR(session.Ask(context, kmip::GetAttributesRequest("kek")).status());
      served_by_ = session.server();
      version_ = session.version();
      return OkStatus();
    });
  }

  Status Read() { return Read(context()); }

  // One that makes a key, and is not repeated blindly.
  Status Create() {
    return client_->Run(context(), kms::Urgency::kMount, [&](kmip::Session& session) {
      return session.Ask(context(), kmip::CreateRequest(256, "new")).status();
    });
  }

  // How many keys Create() made.
  std::size_t created() { return servers_[0]->keys().Named("new").size(); }

  // Of the last Read() that succeeded.
  const std::string& served_by() const { return served_by_; }

  kmip::Version version() const { return version_; }

 private:
  FakeClock clock_;
  std::vector<std::unique_ptr<FakeKmip>> servers_;
  // The client's.
  std::vector<FakeKmipDialer*> dialers_;
  std::unique_ptr<kmip::Client> client_;
  std::string served_by_;
  kmip::Version version_;
};

}  // namespace rbdcrypt::testing
