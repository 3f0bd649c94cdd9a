// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kms/dek_store.h"
#include "vault/authorized_client.h"
#include "vault/kv.h"

namespace rbdcrypt::vault {

// A store with everything it stands on; neither copied nor moved.
struct OpenStore {
  OpenStore(AuthorizedClient with_client, KvMount mount, std::string prefix)
      : client(std::move(with_client)), kv(client, std::move(mount), std::move(prefix)) {}

  OpenStore(const OpenStore&) = delete;
  OpenStore& operator=(const OpenStore&) = delete;

  AuthorizedClient client;
  Kv kv;
  std::unique_ptr<kms::DekStore> store;
  // The mount's version was found out and not configured; called where that turns out wrong.
  std::function<void()> forget_mount;
};

// The DEKs of one Vault entry as one tenant sees it: reads the tenant's configuration, connects,
// logs in and finds the mount when a DEK is first wanted, then works as the store of the mount's
// KV version. So a Vault or a Kubernetes that is down shows in the call that needs it, and errors
// of every kind can come from each call. Every text names the KMS entry. One thread per object.
class VaultDekStore final : public kms::DekStore {
 public:
  using Opener = std::function<Result<std::unique_ptr<OpenStore>>(const Context& context)>;

  // `is_kv2`: what the entry says of its mount, as long as nobody looked.
  VaultDekStore(std::string kms_id, bool is_kv2, Opener open);

  // Everything that comes before the first use of a DEK.
  Status Connect(const Context& context);

  bool CanCompareAndSet() const override;

  Result<kms::StoredDek> Fetch(const Context& context, std::string_view volume_id) override;

  Result<std::string> Create(const Context& context,
                             std::string_view volume_id,
                             const Secret& dek) override;

  Result<std::string> Replace(const Context& context,
                              std::string_view volume_id,
                              std::string_view expected_version,
                              const Secret& dek) override;

  Result<kms::StoredDek> FetchPrevious(const Context& context, std::string_view volume_id) override;

  Status RemovePrevious(const Context& context, std::string_view volume_id) override;

  Status Remove(const Context& context, std::string_view volume_id) override;

 private:
  template <typename T, typename Work>
  T With(const Context& context, const Work& work);

  Result<kms::DekStore*> Inner(const Context& context);
  Status Named(const Status& status);

  const std::string kms_id_;
  const bool is_kv2_;
  const Opener open_;
  std::unique_ptr<OpenStore> opened_;
};

}  // namespace rbdcrypt::vault
