// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/key_state.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "kmip/exchange.h"
#include "kmip/names.h"
#include "kmip/reasons.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::uint32_t kCipherMask = static_cast<std::uint32_t>(UsageMask::kEncrypt) |
                                      static_cast<std::uint32_t>(UsageMask::kDecrypt);

bool IsToWrap(KeyUse use) {
  return use == KeyUse::kEncrypt || use == KeyUse::kGetToWrap;
}

std::string TheKey(const std::string& key_id) {
  return Cat("key ", key_id, " of the key manager ");
}

// Of a key that takes no new DEKs any more.
Status Replace(const std::string& key_id, std::string_view state) {
  return FailedPrecondition(Cat(TheKey(key_id), "is ", state, " and wraps nothing new: make ",
                                "another one (rbdcrypt kms create-key) and put its identifier ",
                                "into ", kUniqueIdentifier));
}

// Of a server that is stricter than the specification.
Status Refuses(const std::string& key_id, std::string_view state) {
  return FailedPrecondition(Cat(TheKey(key_id), "is ", state, ", and this server does not let it ",
                                "unwrap: allow that in the server's policy for such keys, or make ",
                                "the key active again from a backup, and wrap its DEKs anew"));
}

Status CheckState(State state, KeyUse use, const std::string& key_id) {
  switch (state) {
    case State::kActive:
      return OkStatus();
    case State::kPreActive:
      return FailedPrecondition(
          Cat(TheKey(key_id), "was never activated (state Pre-Active): ", "activate it there"));
    case State::kDeactivated:
      return IsToWrap(use) ? Replace(key_id, "deactivated") : Refuses(key_id, "deactivated");
    case State::kCompromised:
      return IsToWrap(use) ? Replace(key_id, "marked as compromised")
                           : Refuses(key_id, "marked as compromised");
    case State::kDestroyed:
    case State::kDestroyedCompromised:
      return NotFound(Cat(TheKey(key_id), "is destroyed: what it wrapped opens only if the key ",
                          "comes back from a backup of the key manager"));
  }
  return OkStatus();
}

Status CheckKind(const KeyAttributes& key, const std::string& key_id) {
  const bool is_symmetric =
      key.object_type.value_or(ObjectType::kSymmetricKey) == ObjectType::kSymmetricKey;
  const bool is_aes =
      key.algorithm.value_or(CryptographicAlgorithm::kAes) == CryptographicAlgorithm::kAes;
  const std::int32_t bits = key.length_bits.value_or(256);
  if (is_symmetric && is_aes && (bits == 128 || bits == 192 || bits == 256)) {
    return OkStatus();
  }
  const std::string is = !is_symmetric ? std::string("is no symmetric key")
                         : !is_aes     ? std::string("is no AES key")
                                       : Cat("has ", bits, " bits");
  return FailedPrecondition(Cat(TheKey(key_id), is, "; it must be an AES key of 128, 192 or 256 ",
                                "bits: put the identifier of one into ", kUniqueIdentifier));
}

Status CheckMask(std::uint32_t mask, KeyUse use, const std::string& key_id) {
  const std::uint32_t needed = use == KeyUse::kEncrypt   ? kCipherMask
                               : use == KeyUse::kDecrypt ? std::uint32_t(UsageMask::kDecrypt)
                                                         : 0;
  if ((mask & needed) == needed) {
    return OkStatus();
  }
  return FailedPrecondition(Cat(TheKey(key_id), "is not made for Encrypt and Decrypt (",
                                "Cryptographic Usage Mask ", mask, ", bits ", needed,
                                " are needed): give it these usages there, or use another key"));
}

// Of what does not verify after Decrypt, nobody but we may have said so.
bool IsRefusal(const Status& status, KeyUse use) {
  switch (status.code()) {
    case Code::kNotFound:
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kInternal:
      return ReasonOf(status).has_value();
    case Code::kDataLoss:
      return use == KeyUse::kDecrypt;
    default:
      return false;
  }
}

Status Hidden(const std::string& key_id, const Status& refusal) {
  return NotFound(Cat(Message(refusal), ": the key manager has no key ", key_id, ", or hides it ",
                      "from this client: restore it there, correct ", kUniqueIdentifier,
                      ", or let the client's certificate see it"));
}

// Of a key with which nothing is wrong, as far as is known.
Status OfTheRest(const KeyQuestion& question, const Status& refusal) {
  switch (refusal.code()) {
    case Code::kNotFound:
      return Hidden(question.key_id, refusal);
    case Code::kPermissionDenied:
      return PermissionDenied(Cat(Message(refusal), ": let the client's certificate use key ",
                                  question.key_id, " for this operation"));
    case Code::kInternal:
      // "General Failure", of which PyKMIP makes bad padding and a bad tag.
      if (ReasonOf(refusal) != ResultReason::kGeneralFailure) {
        return refusal;
      }
      [[fallthrough]];
    case Code::kDataLoss:
      // One text for bad padding and a bad tag: see ADR 20, "What an attacker learns".
      return question.use == KeyUse::kDecrypt
                 ? DataLoss(Cat("the wrapped DEK does not verify: it is damaged, or was wrapped ",
                                "for another volume or by another key than ", question.key_id))
                 : refusal;
    default:
      return refusal;
  }
}

}  // namespace

bool IsGone(const Status& status) {
  return status.code() == Code::kNotFound || ReasonOf(status) == ResultReason::kObjectDestroyed;
}

Status CheckKey(const KeyAttributes& key, KeyUse use, const std::string& key_id) {
  RETURN_IF_ERROR(CheckKind(key, key_id));
  if (key.state.has_value()) {
    RETURN_IF_ERROR(CheckState(*key.state, use, key_id));
  }
  return key.usage_mask.has_value() ? CheckMask(*key.usage_mask, use, key_id) : OkStatus();
}

Status ExplainRefusal(const Context& context, const KeyQuestion& question, const Status& refusal) {
  if (!IsRefusal(refusal, question.use)) {
    return refusal;
  }
  KeyAttributes key;
  const Status asked =
      question.client.Run(context, question.urgency, [&](Session& session) -> Status {
        ASSIGN_OR_RETURN(
            key, Exchange<KeyAttributes>(context, session, GetAttributesRequest(question.key_id),
                                         ReadAttributes));
        return OkStatus();
      });
  if (IsGone(asked)) {
    return Hidden(question.key_id, refusal);
  }
  if (asked.ok()) {
    const Status checked = CheckKey(key, question.use, question.key_id);
    if (!checked.ok()) {
      return Annotate(checked, Message(refusal));
    }
  }
  return OfTheRest(question, refusal);
}

}  // namespace rbdcrypt::kmip
