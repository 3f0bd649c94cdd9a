// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/first_dek.h"

#include <chrono>
#include <optional>
#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"

namespace rbdcrypt::rbd {
namespace {

using std::chrono::seconds;

// Errors that say that nothing was stored, nor will be.
bool IsRefusal(Code code) {
  return code == Code::kPermissionDenied || code == Code::kInvalidArgument ||
         code == Code::kUnimplemented || code == Code::kNotFound;
}

}  // namespace

FirstDek::FirstDek(Image& image, kms::Kms& kms, VolumeDekStore& store, std::string volume_id)
    : sent_(image), kms_(kms), store_(store), volume_id_(std::move(volume_id)) {}

std::string FirstDek::Named(std::string_view text) const {
  return Cat("volume ", volume_id_, ", KMS ", kms_.id(), ": ", text);
}

Result<Secret> FirstDek::Get(const Context& context) {
  Result<kms::StoredDek> stored = store_->Fetch(context, volume_id_);
  if (stored.status().code() == Code::kNotFound && !kms_.is_shared_passphrase()) {
    if (store_.MayBeOverwrittenLate()) {
      RETURN_IF_ERROR(Announce(context));
    }
    RETURN_IF_ERROR(Create(context));
    stored = store_->Fetch(context, volume_id_);
  }
  if (!stored.ok()) {
    return Annotate(stored.status(), Named("fetch the DEK"));
  }
  return std::move(stored->dek);
}

Status FirstDek::Announce(const Context& context) {
  ASSIGN_OR_RETURN(const std::optional<seconds> left, sent_.TimeLeft(context.clock()));
  if (left.value_or(seconds::zero()) > seconds::zero()) {
    return Unavailable(Named(
        Cat("a DEK was sent there, no answer came, and none is stored; this key manager cannot ",
            "compare and set, so another one is made only when that cannot arrive any more, in ",
            left->count(), " s; with KV version 2 nobody waits")));
  }
  return AfterEffect("create.dek-announced", sent_.Record(context.clock()));
}

// Ends with a DEK in the store, ours or another's, or with the reason why that is not sure. A write
// without an answer is found by the Fetch that follows (safety B5); if it is not there yet the call
// fails, and its repetition finds it.
Status FirstDek::Create(const Context& context) {
  ASSIGN_OR_RETURN(const Secret dek, kms::NewDek(kms_.dek_bytes()));
  const Status created =
      AfterEffect("create.dek", store_->Create(context, volume_id_, dek).status());
  if (created.ok() || created.code() == Code::kAlreadyExists) {
    return OkStatus();
  }
  if (IsTransient(created) && store_->Fetch(context, volume_id_).ok()) {
    return OkStatus();
  }
  if (store_.MayBeOverwrittenLate() && IsRefusal(created.code())) {
    RETURN_IF_ERROR(sent_.Forget());
  }
  return Annotate(created, Named("store a new DEK"));
}

Status FirstDek::Settle(const Context& context) {
  if (!store_.MayBeOverwrittenLate()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<seconds> left, sent_.TimeLeft(context.clock()));
  return left.has_value() ? AfterEffect("create.dek-settled", sent_.Forget()) : OkStatus();
}

}  // namespace rbdcrypt::rbd
