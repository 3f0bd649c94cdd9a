// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/abilities.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "kmip/exchange.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::chrono::hours kRememberFor = std::chrono::hours(1);

// Encrypt and Decrypt exist from here on (kmip.md 6).
constexpr Version kEncryptSince = {.major = 1, .minor = 2};

// As a DEK is long.
constexpr std::size_t kProbeBytes = 28;
constexpr std::string_view kProbeData = "rbdcrypt probe";
constexpr std::string_view kOtherData = "rbdcrypt other";

// Errors of a round trip that say what the server cannot do; others are about the key, or pass.
bool IsInability(const Status& status) {
  switch (status.code()) {
    case Code::kInvalidArgument:
    case Code::kUnimplemented:
    case Code::kInternal:
    case Code::kDataLoss:
      return true;
    default:
      return false;
  }
}

Status Compare(const Secret& sent, const Secret& back) {
  return SameSecret(sent, back) ? OkStatus() : Internal("the round trip gave other bytes back");
}

}  // namespace

std::optional<Learnt> ServerMemory::Recall(const Clock& clock, const Session& session) const {
  absl::MutexLock lock(&mutex_);
  const auto found = servers_.find(session.server());
  const bool counts = found != servers_.end() && found->second.version == session.version() &&
                      clock.Now() - found->second.since < kRememberFor;
  return counts ? std::optional(found->second.learnt) : std::nullopt;
}

void ServerMemory::Remember(const Clock& clock, const Session& session, Learnt learnt) {
  absl::MutexLock lock(&mutex_);
  servers_[session.server()] = {
      .learnt = std::move(learnt), .version = session.version(), .since = clock.Now()};
}

void ServerMemory::Add(const Session& session, const std::function<void(Learnt& learnt)>& change) {
  absl::MutexLock lock(&mutex_);
  const auto found = servers_.find(session.server());
  if (found != servers_.end() && found->second.version == session.version()) {
    change(found->second.learnt);
  }
}

Result<Learnt> Abilities::Know() {
  if (std::optional<Learnt> known = memory_.Recall(context_.clock(), session_)) {
    return *std::move(known);
  }
  Result<ServerInformation> information =
      Exchange<ServerInformation>(context_, session_, QueryRequest(), ReadServerInformation);
  Learnt learnt;
  if (information.ok()) {
    learnt.information = *std::move(information);
  } else if (information.status().code() != Code::kUnimplemented &&
             information.status().code() != Code::kPermissionDenied) {
    return Annotate(information.status(), "ask what the server can do");
  }
  memory_.Remember(context_.clock(), session_, learnt);
  return learnt;
}

Result<bool> Abilities::Has(Operation operation) {
  ASSIGN_OR_RETURN(const Learnt learnt, Know());
  if (learnt.information.has_value()) {
    return learnt.information->Has(operation);
  }
  const bool is_cipher = operation == Operation::kEncrypt || operation == Operation::kDecrypt;
  return !is_cipher || session_.version() >= kEncryptSince;
}

Result<bool> Abilities::Cbc(const std::string& key_id) {
  ASSIGN_OR_RETURN(const Learnt learnt, Know());
  if (learnt.cbc.has_value()) {
    return *learnt.cbc;
  }
  ASSIGN_OR_RETURN(const bool works, TryCbc(key_id));
  memory_.Add(session_, [&](Learnt& known) { known.cbc = works; });
  return works;
}

bool Abilities::LacksCbc() const {
  const std::optional<Learnt> known = memory_.Recall(context_.clock(), session_);
  return known.has_value() && known->cbc == false;
}

Result<bool> Abilities::TryCbc(const std::string& key_id) {
  ServerCipher cipher(context_, session_, key_id);
  ASSIGN_OR_RETURN(const Secret probe, RandomSecret(kProbeBytes));
  const Status status = [&]() -> Status {
    ASSIGN_OR_RETURN(const CbcSealed sealed, cipher.CbcSeal(probe));
    ASSIGN_OR_RETURN(const Secret back, cipher.CbcOpen(sealed.iv, sealed.data));
    return Compare(probe, back);
  }();
  if (status.ok() || IsInability(status)) {
    return status.ok();
  }
  return status;
}

Result<std::optional<GcmDialect>> Abilities::Gcm(const std::string& key_id, GcmUse use) {
  if (use == GcmUse::kWithAdditionalData && session_.version() < kAeadSince) {
    return std::optional<GcmDialect>();
  }
  ASSIGN_OR_RETURN(const Learnt learnt, Know());
  if (const auto found = learnt.gcm.find(use); found != learnt.gcm.end()) {
    return found->second;
  }
  ASSIGN_OR_RETURN(const std::optional<GcmDialect> dialect, TryGcm(key_id, use));
  memory_.Add(session_, [&](Learnt& known) { known.gcm[use] = dialect; });
  return dialect;
}

Result<std::optional<GcmDialect>> Abilities::TryGcm(const std::string& key_id, GcmUse use) {
  for (const bool announces_lengths : {true, false}) {
    Result<GcmDialect> dialect = TryDialect(key_id, use, announces_lengths);
    if (dialect.ok()) {
      return std::optional(*dialect);
    }
    if (!IsInability(dialect.status())) {
      return dialect.status();
    }
  }
  return std::optional<GcmDialect>();
}

Result<GcmDialect> Abilities::TryDialect(const std::string& key_id,
                                         GcmUse use,
                                         bool announces_lengths) {
  const bool has_data = use == GcmUse::kWithAdditionalData;
  const std::string_view data = has_data ? kProbeData : "";
  ServerCipher cipher(context_, session_, key_id);
  GcmDialect dialect = {.announces_lengths = announces_lengths};
  ASSIGN_OR_RETURN(const Secret probe, RandomSecret(kProbeBytes));
  ASSIGN_OR_RETURN(const GcmSealed sealed, cipher.GcmSeal(dialect, data, probe));
  dialect.has_tag_field = sealed.had_tag_field;
  ASSIGN_OR_RETURN(const Secret back, cipher.GcmOpen(dialect, data, sealed.nonce, sealed.data));
  RETURN_IF_ERROR(Compare(probe, back));
  if (!has_data) {
    return dialect;
  }
  // One that does not look at the additional data would bind a DEK to nothing (safety E2).
  const Status other = cipher.GcmOpen(dialect, kOtherData, sealed.nonce, sealed.data).status();
  if (other.ok()) {
    LogWarn("kmip_additional_data_ignored", {{"server", session_.server()}});
    return Internal("the server decrypts with other additional data than it encrypted with");
  }
  return IsInability(other) ? Result<GcmDialect>(dialect) : other;
}

Result<bool> Abilities::Withholds(const std::string& key_id) {
  ASSIGN_OR_RETURN(const Learnt learnt, Know());
  return learnt.withheld.contains(key_id);
}

void Abilities::NoteWithheld(const std::string& key_id) {
  memory_.Add(session_, [&](Learnt& known) { known.withheld.insert(key_id); });
}

}  // namespace rbdcrypt::kmip
