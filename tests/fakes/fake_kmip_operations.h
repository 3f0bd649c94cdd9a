// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "kmip/version.h"
#include "tests/fakes/fake_kmip_keys.h"

namespace rbdcrypt::testing {

// What kind of server a FakeKmip is.
struct FakeKmipRules {
  enum class TagPlace {
    // AE Tag from 1.4 on, behind Data below.
    kByVersion,
    // AE Tag, whatever the version.
    kField,
    // Behind Data, whatever the version; an AE Tag in a request is not looked at.
    kBehindData,
  };

  // Best first.
  std::vector<kmip::Version> versions = kmip::KnownVersions();
  // Answered by Operation Not Supported, and not listed by Query.
  std::set<kmip::Operation> lacks = {};
  bool lists_what_it_lacks = false;
  // Query is answered without Vendor Identification where this is empty.
  std::string vendor = "rbdcrypt fake";
  // Of kCbc and kGcm; another one is an Invalid Field (1.x) or Unsupported Cryptographic Parameters
  // (2.x).
  std::set<kmip::BlockCipherMode> modes = {kmip::BlockCipherMode::kCbc,
                                           kmip::BlockCipherMode::kGcm};
  TagPlace tag_place = TagPlace::kByVersion;
  // GCM without Tag Length is an Invalid Field.
  bool needs_tag_length = false;
  // Encrypts under an IV of its own, whatever the request has, and answers that.
  bool makes_iv = false;
  // Neither Encrypt nor Decrypt looks at AE Additional Data.
  bool ignores_additional_data = false;
  // Decrypt, too, is for active keys only. Otherwise deactivated and compromised ones serve it.
  bool decrypts_active_only = false;
  // Permission Denied for what the state or usage mask forbids, General Failure for what does not
  // decrypt; a destroyed key is forgotten. Otherwise as the specification has it.
  bool has_blunt_reasons = false;

  // As kmip.md 11 and 17.
  static FakeKmipRules PyKmip();
};

// A request to be carried out.
struct FakeKmipCall {
  kmip::Version version;
  kmip::Operation operation;
  // "" where it names none.
  std::string key_id;
  kmip::TtlvView payload;
  const FakeKmipRules& rules;
  FakeKmipKeys& keys;
};

struct FakeKmipRefusal {
  kmip::ResultReason reason;
  std::string text;
};

// Writes the fields of a Response Payload.
using FakeKmipResult = std::function<void(kmip::TtlvWriter& payload)>;
using FakeKmipOutcome = std::variant<FakeKmipRefusal, FakeKmipResult>;

// Does what FakeKmip is asked.
FakeKmipOutcome CarryOut(const FakeKmipCall& call);

}  // namespace rbdcrypt::testing
