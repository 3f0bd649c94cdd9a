// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_encrypt.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "base/secret.h"
#include "tests/fakes/fake_kmip_cipher.h"
#include "tests/fakes/fake_kmip_refusals.h"

namespace rbdcrypt::testing {
namespace {

using kmip::BlockCipherMode;
using kmip::ObjectType;
using kmip::Operation;
using kmip::PaddingMethod;
using kmip::ResultReason;
using kmip::State;
using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;
using kmip::Version;

using Call = FakeKmipCall;
using Refusal = FakeKmipRefusal;
using Rules = FakeKmipRules;

constexpr std::size_t kBlockBytes = 16;
constexpr std::size_t kTagBytes = 16;

FakeBytes BytesOf(const TtlvView& payload, Tag tag) {
  const auto bytes = payload.Bytes(tag);
  return bytes.ok() ? FakeBytes(bytes->begin(), bytes->end()) : FakeBytes();
}

// What both are told, looked at in the order of a server: key, parameters, IV.
struct CipherJob {
  FakeKmipKey key;
  bool is_gcm = false;
  FakeBytes data;
  FakeBytes iv;
  FakeBytes additional;
};

bool Serves(const Call& call, State state) {
  if (state == State::kActive) {
    return true;
  }
  return call.operation == Operation::kDecrypt && !call.rules.decrypts_active_only &&
         (state == State::kDeactivated || state == State::kCompromised);
}

std::optional<Refusal> CheckKey(const Call& call, const FakeKmipKey& key) {
  if (IsDestroyed(key.state)) {
    return Destroyed(call);
  }
  if (key.object_type != ObjectType::kSymmetricKey) {
    return Refusal{ResultReason::kPermissionDenied, "no symmetric key"};
  }
  if (!Serves(call, key.state)) {
    return WrongState(call);
  }
  const auto needed =
      static_cast<std::uint32_t>(call.operation == Operation::kEncrypt ? kmip::UsageMask::kEncrypt
                                                                       : kmip::UsageMask::kDecrypt);
  return (key.usage_mask & needed) == 0 ? std::optional(WrongMask(call)) : std::nullopt;
}

std::optional<Refusal> CheckParameters(const Call& call) {
  const auto parameters = call.payload.Structure(Tag::kCryptographicParameters);
  if (!parameters.ok()) {
    return Refusal{ResultReason::kInvalidField, "The cryptographic parameters must be specified."};
  }
  const auto mode =
      static_cast<BlockCipherMode>(parameters->Enumeration(Tag::kBlockCipherMode).value_or(0));
  if (!call.rules.modes.contains(mode)) {
    return BadParameters(call, "the cipher mode is not supported");
  }
  const bool is_gcm = mode == BlockCipherMode::kGcm;
  const auto padding = parameters->Enumeration(Tag::kPaddingMethod).value_or(0);
  if (!is_gcm && padding != static_cast<std::uint32_t>(PaddingMethod::kPkcs5)) {
    return BadParameters(call, "the padding method is not supported");
  }
  if (is_gcm && call.operation == Operation::kEncrypt && call.rules.needs_tag_length &&
      !parameters->Find(Tag::kTagLength).has_value()) {
    return Refusal{ResultReason::kInvalidField, "the tag length must be provided in GCM mode"};
  }
  return std::nullopt;
}

std::variant<Refusal, CipherJob> ReadJob(const Call& call) {
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  if (const auto refusal = CheckKey(call, *key)) {
    return *refusal;
  }
  if (const auto refusal = CheckParameters(call)) {
    return *refusal;
  }
  const auto mode =
      call.payload.Structure(Tag::kCryptographicParameters)->Enumeration(Tag::kBlockCipherMode);
  CipherJob job = {.key = *key,
                   .is_gcm = *mode == static_cast<std::uint32_t>(BlockCipherMode::kGcm),
                   .data = BytesOf(call.payload, Tag::kData),
                   .iv = BytesOf(call.payload, Tag::kIvCounterNonce),
                   .additional = call.rules.ignores_additional_data
                                     ? FakeBytes()
                                     : BytesOf(call.payload, Tag::kAeAdditionalData)};
  const bool is_iv_wrong = job.is_gcm ? job.iv.size() > 128 : job.iv.size() != kBlockBytes;
  if (!job.iv.empty() && is_iv_wrong) {
    return Refusal{
        call.rules.has_blunt_reasons ? ResultReason::kGeneralFailure : ResultReason::kInvalidField,
        "the IV has the wrong length"};
  }
  return job;
}

bool HasTagField(const Call& call) {
  switch (call.rules.tag_place) {
    case Rules::TagPlace::kField:
      return true;
    case Rules::TagPlace::kBehindData:
      return false;
    default:
      return call.version >= Version{.major = 1, .minor = 4};
  }
}

}  // namespace

FakeKmipOutcome FakeEncrypt(const FakeKmipCall& call) {
  auto read = ReadJob(call);
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return *refusal;
  }
  CipherJob& job = std::get<CipherJob>(read);
  const bool makes_iv = job.iv.empty() || call.rules.makes_iv;
  if (makes_iv) {
    const Secret iv = *RandomSecret(kBlockBytes);
    job.iv.assign(iv.Reveal().begin(), iv.Reveal().end());
  }
  FakeBytes data = job.is_gcm ? GcmEncrypt(job.key.material, job.iv, job.additional, job.data)
                              : CbcEncrypt(job.key.material, job.iv, job.data);
  FakeBytes tag;
  if (job.is_gcm && HasTagField(call)) {
    tag.assign(data.end() - kTagBytes, data.end());
    data.resize(data.size() - kTagBytes);
  }
  return [id = call.key_id, data, tag, iv = makes_iv ? job.iv : FakeBytes()](TtlvWriter& out) {
    out.Text(Tag::kUniqueIdentifier, id).Bytes(Tag::kData, data);
    if (!iv.empty()) {
      out.Bytes(Tag::kIvCounterNonce, iv);
    }
    if (!tag.empty()) {
      out.Bytes(Tag::kAeTag, tag);
    }
  };
}

FakeKmipOutcome FakeDecrypt(const FakeKmipCall& call) {
  auto read = ReadJob(call);
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    return *refusal;
  }
  CipherJob& job = std::get<CipherJob>(read);
  if (job.iv.empty()) {
    return Refusal{
        ByVersion(call, ResultReason::kMissingInitializationVector, ResultReason::kMissingData),
        "IV/nonce is required"};
  }
  if (job.is_gcm && HasTagField(call)) {
    const FakeBytes tag = BytesOf(call.payload, Tag::kAeTag);
    job.data.insert(job.data.end(), tag.begin(), tag.end());
  }
  const std::optional<FakeBytes> data =
      job.is_gcm ? GcmDecrypt(job.key.material, job.iv, job.additional, job.data)
                 : CbcDecrypt(job.key.material, job.iv, job.data);
  if (!data.has_value()) {
    return Undecryptable(call);
  }
  return [id = call.key_id, data = *data](TtlvWriter& out) {
    out.Text(Tag::kUniqueIdentifier, id).Bytes(Tag::kData, data);
  };
}

}  // namespace rbdcrypt::testing
