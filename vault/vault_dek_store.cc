// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/vault_dek_store.h"

#include <type_traits>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::vault {

VaultDekStore::VaultDekStore(std::string kms_id, bool is_kv2, Opener open)
    : kms_id_(std::move(kms_id)), is_kv2_(is_kv2), open_(std::move(open)) {}

Result<kms::DekStore*> VaultDekStore::Inner(const Context& context) {
  if (opened_ == nullptr) {
    ASSIGN_OR_RETURN(opened_, open_(context));
  }
  return opened_->store.get();
}

template <typename T, typename Work>
T VaultDekStore::With(const Context& context, const Work& work) {
  const Result<kms::DekStore*> inner = Inner(context);
  if (!inner.ok()) {
    return Named(inner.status());
  }
  T result = work(**inner);
  if (result.ok()) {
    return result;
  }
  if constexpr (std::is_same_v<T, Status>) {
    return Named(result);
  } else {
    return Named(result.status());
  }
}

// Every text names the entry; a mount that was taken for another kind is looked at again.
Status VaultDekStore::Named(const Status& status) {
  const std::string entry = Cat("KMS \"", kms_id_, "\"");
  const bool has_name = Message(status).find(entry) != std::string::npos;
  Status named = has_name ? status : Annotate(status, entry);
  if (named.code() == Code::kFailedPrecondition) {
    if (opened_ == nullptr || opened_->forget_mount == nullptr) {
      return InvalidArgument(Message(named));
    }
    opened_->forget_mount();
    opened_.reset();
    return Unavailable(Cat(Message(named), ", or try again: the mount is looked at anew"));
  }
  return named;
}

Status VaultDekStore::Connect(const Context& context) {
  return With<Status>(
      context, [&](kms::DekStore& /*store*/) { return opened_->client.EnsureToken(context); });
}

bool VaultDekStore::CanCompareAndSet() const {
  return opened_ == nullptr ? is_kv2_ : opened_->store->CanCompareAndSet();
}

Result<kms::StoredDek> VaultDekStore::Fetch(const Context& context, std::string_view volume_id) {
  return With<Result<kms::StoredDek>>(
      context, [&](kms::DekStore& store) { return store.Fetch(context, volume_id); });
}

Result<std::string> VaultDekStore::Create(const Context& context,
                                          std::string_view volume_id,
                                          const Secret& dek) {
  return With<Result<std::string>>(
      context, [&](kms::DekStore& store) { return store.Create(context, volume_id, dek); });
}

Result<std::string> VaultDekStore::Replace(const Context& context,
                                           std::string_view volume_id,
                                           std::string_view expected_version,
                                           const Secret& dek) {
  return With<Result<std::string>>(context, [&](kms::DekStore& store) {
    return store.Replace(context, volume_id, expected_version, dek);
  });
}

Result<kms::StoredDek> VaultDekStore::FetchPrevious(const Context& context,
                                                    std::string_view volume_id) {
  return With<Result<kms::StoredDek>>(
      context, [&](kms::DekStore& store) { return store.FetchPrevious(context, volume_id); });
}

Status VaultDekStore::RemovePrevious(const Context& context, std::string_view volume_id) {
  return With<Status>(
      context, [&](kms::DekStore& store) { return store.RemovePrevious(context, volume_id); });
}

Status VaultDekStore::Remove(const Context& context, std::string_view volume_id) {
  return With<Status>(context,
                      [&](kms::DekStore& store) { return store.Remove(context, volume_id); });
}

}  // namespace rbdcrypt::vault
