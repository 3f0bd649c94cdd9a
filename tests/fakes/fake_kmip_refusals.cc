// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_refusals.h"

#include <utility>

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using kmip::ResultReason;

constexpr kmip::Version kFine = {.major = 2, .minor = 0};

}  // namespace

ResultReason ByVersion(const FakeKmipCall& call, ResultReason fine, ResultReason coarse) {
  return call.version >= kFine ? fine : coarse;
}

bool IsDestroyed(kmip::State state) {
  return state == kmip::State::kDestroyed || state == kmip::State::kDestroyedCompromised;
}

FakeKmipRefusal NotFound(const FakeKmipCall& call) {
  return {ResultReason::kItemNotFound, Cat("Could not locate object: ", call.key_id)};
}

FakeKmipRefusal Destroyed(const FakeKmipCall& call) {
  return {ByVersion(call, ResultReason::kObjectDestroyed, ResultReason::kItemNotFound),
          "the key is destroyed"};
}

FakeKmipRefusal WrongState(const FakeKmipCall& call) {
  if (call.rules.has_blunt_reasons) {
    return {ResultReason::kPermissionDenied, "the key must be in the Active state"};
  }
  return {ByVersion(call, ResultReason::kWrongKeyLifecycleState, ResultReason::kIllegalOperation),
          "the key's state forbids it"};
}

FakeKmipRefusal WrongMask(const FakeKmipCall& call) {
  const bool is_blunt = call.rules.has_blunt_reasons || call.version < kFine;
  return {is_blunt ? ResultReason::kPermissionDenied
                   : ResultReason::kIncompatibleCryptographicUsageMask,
          "the key's cryptographic usage mask forbids it"};
}

FakeKmipRefusal Undecryptable(const FakeKmipCall& call) {
  return {call.rules.has_blunt_reasons ? ResultReason::kGeneralFailure
                                       : ResultReason::kCryptographicFailure,
          "the data does not decrypt"};
}

FakeKmipRefusal BadParameters(const FakeKmipCall& call, std::string text) {
  return {ByVersion(call, ResultReason::kUnsupportedCryptographicParameters,
                    ResultReason::kInvalidField),
          std::move(text)};
}

}  // namespace rbdcrypt::testing
