// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/messages.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "kmip/reasons.h"

namespace rbdcrypt::kmip {
namespace {

Status Strange(const Request& request, const Status& why) {
  return Annotate(why, Cat("KMIP answer to ", NameOf(request.operation)));
}

bool IsKnown(std::int32_t major) {
  return std::ranges::any_of(KnownVersions(),
                             [major](const Version& known) { return known.major == major; });
}

Result<Version> ReadVersion(const TtlvView& header) {
  ASSIGN_OR_RETURN(const TtlvView version, header.Structure(Tag::kProtocolVersion));
  ASSIGN_OR_RETURN(const std::int32_t major, version.Integer(Tag::kProtocolVersionMajor));
  ASSIGN_OR_RETURN(const std::int32_t minor, version.Integer(Tag::kProtocolVersionMinor));
  return Version{.major = major, .minor = minor};
}

struct Item {
  // Of the header.
  Version version;
  TtlvView fields;
};

// The one batch item of a message.
Result<Item> ReadItem(std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const TtlvView message, TtlvView::Parse(bytes));
  if (message.tag() != Tag::kResponseMessage || message.type() != Type::kStructure) {
    return DataLoss("it is no Response Message");
  }
  ASSIGN_OR_RETURN(const TtlvView header, message.Structure(Tag::kResponseHeader));
  ASSIGN_OR_RETURN(const Version version, ReadVersion(header));
  if (!IsKnown(version.major)) {
    return DataLoss(Cat("it is of version ", version.Text(), ", which we do not speak"));
  }
  ASSIGN_OR_RETURN(const std::int32_t count, header.Integer(Tag::kBatchCount));
  const std::size_t items = message.Count(Tag::kBatchItem);
  if (count != 1 || items != 1) {
    return DataLoss(Cat("it has Batch Count ", count, " and ", items, " items, not one"));
  }
  ASSIGN_OR_RETURN(const TtlvView fields, message.Structure(Tag::kBatchItem));
  return Item{.version = version, .fields = fields};
}

// Whether the answer names another operation or item than ours. A failure may name none.
bool IsOthers(const TtlvView& item, const Request& request, const ItemId& id) {
  const std::optional<TtlvView> operation = item.Find(Tag::kOperation);
  const std::optional<TtlvView> answered = item.Find(Tag::kUniqueBatchItemId);
  if (operation.has_value() &&
      operation->AsEnumeration() != static_cast<std::uint32_t>(request.operation)) {
    return true;
  }
  return answered.has_value() &&
         (answered->type() != Type::kByteString || !std::ranges::equal(answered->value(), id));
}

Status FailureOf(const TtlvView& item, const Request& request, std::uint32_t status) {
  const std::optional<TtlvView> reason = item.Find(Tag::kResultReason);
  const std::optional<TtlvView> text = item.Find(Tag::kResultMessage);
  return FromReason(request.operation, status,
                    reason.has_value() ? reason->AsEnumeration() : std::nullopt,
                    text.has_value() ? text->AsText().value_or("") : "");
}

// The payload of a successful item.
Result<TtlvView> ReadPayload(const Item& item, const Request& request, Version asked) {
  // What is negotiated may be answered in the server's own version; it looks the same in all.
  if (item.version.major != asked.major && request.operation != Operation::kDiscoverVersions) {
    return DataLoss(Cat("it is of version ", item.version.Text(), ", asked in ", asked.Text()));
  }
  RETURN_IF_ERROR(item.fields.Enumeration(Tag::kOperation).status());
  RETURN_IF_ERROR(item.fields.Bytes(Tag::kUniqueBatchItemId).status());
  ASSIGN_OR_RETURN(const TtlvView payload, item.fields.Structure(Tag::kResponsePayload));
  if (!request.key_id.empty()) {
    ASSIGN_OR_RETURN(const std::string_view key, payload.Text(Tag::kUniqueIdentifier));
    if (key != request.key_id) {
      return DataLoss("it is about another key");
    }
  }
  return payload;
}

}  // namespace

Result<ItemId> NewItemId() {
  ItemId id;
  ASSIGN_OR_RETURN(const Secret random, RandomSecret(id.size()));
  std::ranges::copy(random.Reveal(), id.begin());
  return id;
}

Secret EncodeRequest(const Request& request, Version version, const ItemId& id) {
  TtlvWriter writer;
  writer.Begin(Tag::kRequestMessage)
      .Begin(Tag::kRequestHeader)
      .Begin(Tag::kProtocolVersion)
      .Integer(Tag::kProtocolVersionMajor, version.major)
      .Integer(Tag::kProtocolVersionMinor, version.minor)
      .End()
      .Integer(Tag::kBatchCount, 1)
      .End()
      .Begin(Tag::kBatchItem)
      .Enum(Tag::kOperation, request.operation)
      .Bytes(Tag::kUniqueBatchItemId, id)
      .Begin(Tag::kRequestPayload);
  request.write_payload(version, writer);
  writer.End().End().End();
  return std::move(writer).Take();
}

Result<Answer> DecodeAnswer(Secret message,
                            const Request& request,
                            Version version,
                            const ItemId& id) {
  const Result<Item> item = ReadItem(message.Reveal());
  if (!item.ok()) {
    return Strange(request, item.status());
  }
  const Result<std::uint32_t> status = item->fields.Enumeration(Tag::kResultStatus);
  if (!status.ok()) {
    return Strange(request, status.status());
  }
  const bool is_success = *status == static_cast<std::uint32_t>(ResultStatus::kSuccess);
  const Status failure = is_success ? OkStatus() : FailureOf(item->fields, request, *status);
  if (IsOthers(item->fields, request, id)) {
    const std::string said = is_success ? "" : ", with " + Message(failure);
    return Strange(request, DataLoss("it answers another request" + said));
  }
  RETURN_IF_ERROR(failure);
  const Result<TtlvView> payload = ReadPayload(*item, request, version);
  if (!payload.ok()) {
    return Strange(request, payload.status());
  }
  return Answer(std::move(message), *payload);
}

}  // namespace rbdcrypt::kmip
