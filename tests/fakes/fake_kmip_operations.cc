// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_operations.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>

#include "base/secret.h"
#include "kmip/attributes.h"
#include "tests/fakes/fake_kmip_encrypt.h"
#include "tests/fakes/fake_kmip_refusals.h"

namespace rbdcrypt::testing {
namespace {

using kmip::ObjectType;
using kmip::Operation;
using kmip::ResultReason;
using kmip::State;
using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;
using kmip::Version;

using Call = FakeKmipCall;
using Refusal = FakeKmipRefusal;
using Outcome = FakeKmipOutcome;

// Not in kmip/tags.h, since the client never looks at them.
constexpr auto kSecretData = static_cast<Tag>(0x420085);
constexpr auto kWrappingMethod = static_cast<Tag>(0x42009E);

std::int32_t BitsOf(const FakeKmipKey& key) {
  return static_cast<std::int32_t>(key.material.size()) * 8;
}

FakeKmipResult WriteKeyId(const std::string& id) {
  return [id](TtlvWriter& out) { out.Text(Tag::kUniqueIdentifier, id); };
}

Outcome DiscoverVersions(const Call& call) {
  std::vector<Version> common;
  for (const TtlvView& offered : call.payload.Items()) {
    const Version version = {.major = offered.Integer(Tag::kProtocolVersionMajor).value_or(0),
                             .minor = offered.Integer(Tag::kProtocolVersionMinor).value_or(0)};
    if (std::ranges::find(call.rules.versions, version) != call.rules.versions.end()) {
      common.push_back(version);
    }
  }
  const bool offers_any = call.payload.Count(Tag::kProtocolVersion) > 0;
  return [versions = offers_any ? common : call.rules.versions](TtlvWriter& out) {
    for (const Version& version : versions) {
      out.Begin(Tag::kProtocolVersion)
          .Integer(Tag::kProtocolVersionMajor, version.major)
          .Integer(Tag::kProtocolVersionMinor, version.minor)
          .End();
    }
  };
}

bool Asks(const Call& call, kmip::QueryFunction function) {
  for (const TtlvView& asked : call.payload.Items()) {
    if (asked.AsEnumeration() == static_cast<std::uint32_t>(function)) {
      return true;
    }
  }
  return false;
}

Outcome Query(const Call& call);

Outcome Get(const Call& call) {
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  if (IsDestroyed(key->state)) {
    return Destroyed(call);
  }
  if (key->is_sensitive) {
    return Refusal{ResultReason::kSensitive, "the key never leaves the server"};
  }
  return [id = call.key_id, key = *key](TtlvWriter& out) {
    out.Enum(Tag::kObjectType, key.object_type)
        .Text(Tag::kUniqueIdentifier, id)
        .Begin(key.object_type == ObjectType::kSymmetricKey ? Tag::kSymmetricKey : kSecretData)
        .Begin(Tag::kKeyBlock)
        .Enum(Tag::kKeyFormatType, key.format)
        .Begin(Tag::kKeyValue)
        .Bytes(Tag::kKeyMaterial, key.material)
        .End()
        .Enum(Tag::kCryptographicAlgorithm, key.algorithm)
        .Integer(Tag::kCryptographicLength, BitsOf(key));
    if (key.is_wrapped) {
      out.Begin(Tag::kKeyWrappingData).Enumeration(kWrappingMethod, 1).End();
    }
    out.End().End();
  };
}

// Which attributes are asked for, in the server's order; all where none is named.
std::vector<Tag> AskedAttributes(const TtlvView& payload) {
  const auto is_asked = [&payload](Tag tag) {
    bool names_any = false;
    for (const TtlvView& item : payload.Items()) {
      if (item.tag() == Tag::kUniqueIdentifier) {
        continue;
      }
      names_any = true;
      if (item.AsText() == kmip::NameOf(tag) ||
          item.AsEnumeration() == static_cast<std::uint32_t>(tag)) {
        return true;
      }
    }
    return !names_any;
  };
  std::vector<Tag> asked;
  std::ranges::copy_if(kmip::kKeyAttributes, std::back_inserter(asked), is_asked);
  return asked;
}

void WriteAttribute(kmip::AttributeWriter& out, const FakeKmipKey& key, Tag tag) {
  switch (tag) {
    case Tag::kObjectType:
      out.Enumeration(tag, static_cast<std::uint32_t>(key.object_type));
      break;
    case Tag::kCryptographicAlgorithm:
      out.Enumeration(tag, static_cast<std::uint32_t>(key.algorithm));
      break;
    case Tag::kCryptographicLength:
      out.Integer(tag, BitsOf(key));
      break;
    case Tag::kCryptographicUsageMask:
      out.Integer(tag, static_cast<std::int32_t>(key.usage_mask));
      break;
    case Tag::kState:
      out.Enumeration(tag, static_cast<std::uint32_t>(key.state));
      break;
    default:
      if (!key.name.empty()) {
        out.Name(key.name);
      }
  }
}

Outcome GetAttributes(const Call& call) {
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  return [id = call.key_id, key = *key, asked = AskedAttributes(call.payload),
          version = call.version](TtlvWriter& out) {
    out.Text(Tag::kUniqueIdentifier, id);
    kmip::AttributeWriter attributes(version, out);
    for (const Tag tag : asked) {
      WriteAttribute(attributes, key, tag);
    }
    attributes.Finish();
  };
}

// What Locate and Create are told.
struct Template {
  std::string name;
  std::uint32_t algorithm = 0;
  std::int32_t bits = 0;
  std::int32_t usage_mask = 0;
};

Template ReadTemplate(const TtlvView& payload) {
  Template read;
  const Status done =
      kmip::ForEachAttribute(payload, [&read](Tag tag, const TtlvView& value) -> Status {
        if (tag == Tag::kName) {
          ASSIGN_OR_RETURN(read.name, value.Text(Tag::kNameValue));
        }
        read.algorithm = tag == Tag::kCryptographicAlgorithm ? value.AsEnumeration().value_or(0)
                                                             : read.algorithm;
        read.bits = tag == Tag::kCryptographicLength ? value.AsInteger().value_or(0) : read.bits;
        read.usage_mask =
            tag == Tag::kCryptographicUsageMask ? value.AsInteger().value_or(0) : read.usage_mask;
        return OkStatus();
      });
  RBDCRYPT_CHECK(done.ok());
  return read;
}

Outcome Locate(const Call& call) {
  const std::vector<std::string> ids = call.keys.Named(ReadTemplate(call.payload).name);
  return [ids](TtlvWriter& out) {
    for (const std::string& id : ids) {
      out.Text(Tag::kUniqueIdentifier, id);
    }
  };
}

Outcome Create(const Call& call) {
  const Template wanted = ReadTemplate(call.payload);
  const bool is_aes =
      call.payload.Enumeration(Tag::kObjectType).value_or(0) ==
          static_cast<std::uint32_t>(ObjectType::kSymmetricKey) &&
      wanted.algorithm == static_cast<std::uint32_t>(kmip::CryptographicAlgorithm::kAes) &&
      (wanted.bits == 128 || wanted.bits == 192 || wanted.bits == 256);
  if (!is_aes || wanted.usage_mask == 0) {
    return Refusal{ResultReason::kInvalidField, "not an AES key with a usage"};
  }
  const Secret material = *RandomSecret(static_cast<std::size_t>(wanted.bits) / 8);
  const std::string id =
      call.keys.Add({.material = {material.Reveal().begin(), material.Reveal().end()},
                     .state = State::kPreActive,
                     .name = wanted.name,
                     .usage_mask = static_cast<std::uint32_t>(wanted.usage_mask)});
  return [id](TtlvWriter& out) {
    out.Enum(Tag::kObjectType, ObjectType::kSymmetricKey).Text(Tag::kUniqueIdentifier, id);
  };
}

Outcome Activate(const Call& call) {
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  if (key->state != State::kPreActive) {
    return WrongState(call);
  }
  call.keys.SetState(call.key_id, State::kActive);
  return WriteKeyId(call.key_id);
}

Outcome Revoke(const Call& call) {
  const auto reason = call.payload.Structure(Tag::kRevocationReason);
  if (!reason.ok() || !reason->Find(Tag::kRevocationReasonCode).has_value()) {
    return Refusal{ResultReason::kInvalidField, "revocation reason code must be specified"};
  }
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  const bool is_compromise = reason->Enumeration(Tag::kRevocationReasonCode).value_or(0) ==
                             static_cast<std::uint32_t>(kmip::RevocationReasonCode::kKeyCompromise);
  if (!is_compromise && key->state != State::kActive) {
    return Refusal{ResultReason::kIllegalOperation, "the object is not active"};
  }
  call.keys.SetState(call.key_id, is_compromise ? State::kCompromised : State::kDeactivated);
  return WriteKeyId(call.key_id);
}

Outcome Destroy(const Call& call) {
  const std::optional<FakeKmipKey> key = call.keys.Find(call.key_id);
  if (!key.has_value()) {
    return NotFound(call);
  }
  if (key->state == State::kActive || IsDestroyed(key->state)) {
    return WrongState(call);
  }
  if (call.rules.has_blunt_reasons) {
    call.keys.Remove(call.key_id);
  } else {
    call.keys.SetState(call.key_id, key->state == State::kCompromised ? State::kDestroyedCompromised
                                                                      : State::kDestroyed);
  }
  return WriteKeyId(call.key_id);
}

struct Row {
  Operation operation;
  Version since;
  Outcome (*carry_out)(const Call& call);
};

constexpr std::array kRows = {
    Row{Operation::kDiscoverVersions, {1, 1}, DiscoverVersions},
    Row{Operation::kQuery, {1, 0}, Query},
    Row{Operation::kEncrypt, {1, 2}, FakeEncrypt},
    Row{Operation::kDecrypt, {1, 2}, FakeDecrypt},
    Row{Operation::kGet, {1, 0}, Get},
    Row{Operation::kGetAttributes, {1, 0}, GetAttributes},
    Row{Operation::kLocate, {1, 0}, Locate},
    Row{Operation::kCreate, {1, 0}, Create},
    Row{Operation::kActivate, {1, 0}, Activate},
    Row{Operation::kRevoke, {1, 0}, Revoke},
    Row{Operation::kDestroy, {1, 0}, Destroy},
};

bool Offers(const Call& call, const Row& row) {
  return call.version >= row.since && !call.rules.lacks.contains(row.operation);
}

Outcome Query(const Call& call) {
  std::vector<Operation> listed;
  for (const Row& row : kRows) {
    if (Offers(call, row) || call.rules.lists_what_it_lacks) {
      listed.push_back(row.operation);
    }
  }
  if (!Asks(call, kmip::QueryFunction::kQueryOperations)) {
    listed.clear();
  }
  const bool names_vendor = Asks(call, kmip::QueryFunction::kQueryServerInformation);
  return [listed, vendor = names_vendor ? call.rules.vendor : ""](TtlvWriter& out) {
    for (const Operation operation : listed) {
      out.Enum(Tag::kOperation, operation);
    }
    if (!vendor.empty()) {
      out.Text(Tag::kVendorIdentification, vendor);
    }
  };
}

}  // namespace

FakeKmipRules FakeKmipRules::PyKmip() {
  FakeKmipRules rules;
  rules.versions = {{2, 0}, {1, 4}, {1, 3}, {1, 2}, {1, 1}, {1, 0}};
  rules.vendor = "PyKMIP 0.10.0 Software Server";
  rules.tag_place = TagPlace::kField;
  rules.needs_tag_length = true;
  rules.decrypts_active_only = true;
  rules.has_blunt_reasons = true;
  return rules;
}

FakeKmipOutcome CarryOut(const FakeKmipCall& call) {
  const auto* row = std::ranges::find(kRows, call.operation, &Row::operation);
  if (row == kRows.end() || !Offers(call, *row)) {
    return Refusal{ResultReason::kOperationNotSupported, "not supported by the server"};
  }
  return row->carry_out(call);
}

}  // namespace rbdcrypt::testing
