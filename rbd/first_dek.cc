// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/first_dek.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/crash_point.h"
#include "base/strings.h"
#include "rbd/first_metadata.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

using std::chrono::seconds;

constexpr seconds kLateWriteGrace = std::chrono::minutes(15);

seconds UnixTime(const Clock& clock) {
  return std::chrono::duration_cast<seconds>(clock.Wall().time_since_epoch());
}

// How long ago that was; nothing for a text that is no time, or one of a clock that is ahead.
std::optional<seconds> AgeOf(const std::string& text, seconds now) {
  const std::optional<std::uint64_t> then = ParseUint64(text);
  if (!then.has_value() || *then > static_cast<std::uint64_t>(now.count())) {
    return std::nullopt;
  }
  return now - seconds(*then);
}

// Errors that say that nothing was stored, nor will be.
bool IsRefusal(Code code) {
  return code == Code::kPermissionDenied || code == Code::kInvalidArgument ||
         code == Code::kUnimplemented || code == Code::kNotFound;
}

}  // namespace

FirstDek::FirstDek(Image& image, kms::Kms& kms, kms::DekStore& store, std::string volume_id)
    : image_(image), kms_(kms), store_(store), volume_id_(std::move(volume_id)) {}

std::string FirstDek::Named(std::string_view text) const {
  return Cat("volume ", volume_id_, ", KMS ", kms_.id(), ": ", text);
}

// The image's own metadata is none: who was fenced off the image writes nothing there any more.
bool FirstDek::MayBeOverwrittenLate() const {
  return kms_.store() != nullptr && !store_.CanCompareAndSet() && !kms_.is_shared_passphrase();
}

Result<Secret> FirstDek::Get(const Context& context) {
  Result<kms::StoredDek> stored = store_.Fetch(context, volume_id_);
  if (stored.status().code() == Code::kNotFound && !kms_.is_shared_passphrase()) {
    if (MayBeOverwrittenLate()) {
      RETURN_IF_ERROR(Announce(context));
    }
    RETURN_IF_ERROR(Create(context));
    stored = store_.Fetch(context, volume_id_);
  }
  if (!stored.ok()) {
    return Annotate(stored.status(), Named("fetch the DEK"));
  }
  return std::move(stored->dek);
}

Status FirstDek::Announce(const Context& context) {
  ASSIGN_OR_RETURN(const std::string text, FirstMetadata(image_, {kMetaDekSentAt}));
  const seconds now = UnixTime(context.clock());
  const std::optional<seconds> age = AgeOf(text, now);
  if (!text.empty() && age.value_or(seconds::zero()) < kLateWriteGrace) {
    if (!age.has_value()) {
      RETURN_IF_ERROR(image_.SetMetadata(kMetaDekSentAt, std::to_string(now.count())));
    }
    const seconds left = kLateWriteGrace - age.value_or(seconds::zero());
    return Unavailable(Named(
        Cat("a DEK was sent there, no answer came, and none is stored; this key manager cannot ",
            "compare and set, so another one is made only when that cannot arrive any more, in ",
            left.count(), " s; with KV version 2 nobody waits")));
  }
  return AfterEffect("create.dek-announced",
                     image_.SetMetadata(kMetaDekSentAt, std::to_string(now.count())));
}

// Ends with a DEK in the store, ours or another's, or with the reason why that is not sure. A write
// without an answer is found by the Fetch that follows (safety B5); if it is not there yet the call
// fails, and its repetition finds it.
Status FirstDek::Create(const Context& context) {
  ASSIGN_OR_RETURN(const Secret dek, kms::NewDek(kms_.dek_bytes()));
  const Status created =
      AfterEffect("create.dek", store_.Create(context, volume_id_, dek).status());
  if (created.ok() || created.code() == Code::kAlreadyExists) {
    return OkStatus();
  }
  if (IsTransient(created) && store_.Fetch(context, volume_id_).ok()) {
    return OkStatus();
  }
  if (MayBeOverwrittenLate() && IsRefusal(created.code())) {
    RETURN_IF_ERROR(image_.RemoveMetadata(kMetaDekSentAt));
  }
  return Annotate(created, Named("store a new DEK"));
}

Status FirstDek::Settle() {
  if (!MayBeOverwrittenLate()) {
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string text, FirstMetadata(image_, {kMetaDekSentAt}));
  return text.empty() ? OkStatus()
                      : AfterEffect("create.dek-settled", image_.RemoveMetadata(kMetaDekSentAt));
}

}  // namespace rbdcrypt::rbd
