// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Operation;
using kmip::ResultReason;
using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;
using kmip::Version;

// 2026-11-22 08:14:58 UTC (kmip.md 9).
constexpr std::int64_t kTimeStamp = 0x6b02a482;

struct FieldOrder {
  Operation operation;
  std::vector<Tag> tags;
};

// The fields of each Request Payload (kmip.md 5).
const std::vector<FieldOrder>& FieldOrders() {
  static const std::vector<FieldOrder> orders = {
      {Operation::kDiscoverVersions, {Tag::kProtocolVersion}},
      {Operation::kQuery, {Tag::kQueryFunction}},
      {Operation::kEncrypt,
       {Tag::kUniqueIdentifier, Tag::kCryptographicParameters, Tag::kData, Tag::kIvCounterNonce,
        Tag::kAeAdditionalData}},
      {Operation::kDecrypt,
       {Tag::kUniqueIdentifier, Tag::kCryptographicParameters, Tag::kData, Tag::kIvCounterNonce,
        Tag::kAeAdditionalData, Tag::kAeTag}},
      {Operation::kGet, {Tag::kUniqueIdentifier, Tag::kKeyFormatType}},
      {Operation::kGetAttributes,
       {Tag::kUniqueIdentifier, Tag::kAttributeName, Tag::kAttributeReference}},
      {Operation::kLocate, {Tag::kMaximumItems, Tag::kAttribute, Tag::kAttributes}},
      {Operation::kCreate, {Tag::kObjectType, Tag::kTemplateAttribute, Tag::kAttributes}},
      {Operation::kActivate, {Tag::kUniqueIdentifier}},
      {Operation::kRevoke, {Tag::kUniqueIdentifier, Tag::kRevocationReason}},
      {Operation::kDestroy, {Tag::kUniqueIdentifier}},
  };
  return orders;
}

bool IsOf(Tag tag, Version version) {
  switch (tag) {
    case Tag::kAeAdditionalData:
    case Tag::kAeTag:
      return version >= Version{1, 4};
    case Tag::kAttributes:
    case Tag::kAttributeReference:
      return version >= Version{2, 0};
    case Tag::kAttribute:
    case Tag::kAttributeName:
    case Tag::kTemplateAttribute:
      return version < Version{2, 0};
    default:
      return true;
  }
}

// Whether the payload has the fields of that operation and version, and in that order.
bool IsInOrder(const TtlvView& payload, Operation operation, Version version) {
  const auto& orders = FieldOrders();
  const auto order = std::ranges::find(orders, operation, &FieldOrder::operation);
  if (order == orders.end()) {
    return true;
  }
  auto place = order->tags.begin();
  for (const TtlvView& field : payload.Items()) {
    place = std::find(place, order->tags.end(), field.tag());
    if (place == order->tags.end() || !IsOf(field.tag(), version)) {
      return false;
    }
  }
  return true;
}

// A request taken apart.
struct Parts {
  Version version;
  TtlvView item;
  TtlvView payload;
  std::uint32_t operation;
};

Result<Parts> TakeApart(std::span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(const TtlvView message, TtlvView::Parse(bytes));
  ASSIGN_OR_RETURN(const TtlvView header, message.Structure(Tag::kRequestHeader));
  ASSIGN_OR_RETURN(const TtlvView version, header.Structure(Tag::kProtocolVersion));
  ASSIGN_OR_RETURN(const std::int32_t major, version.Integer(Tag::kProtocolVersionMajor));
  ASSIGN_OR_RETURN(const std::int32_t minor, version.Integer(Tag::kProtocolVersionMinor));
  ASSIGN_OR_RETURN(const std::int32_t count, header.Integer(Tag::kBatchCount));
  ASSIGN_OR_RETURN(const TtlvView item, message.Structure(Tag::kBatchItem));
  ASSIGN_OR_RETURN(const TtlvView payload, item.Structure(Tag::kRequestPayload));
  ASSIGN_OR_RETURN(const std::uint32_t operation, item.Enumeration(Tag::kOperation));
  const bool is_whole = message.tag() == Tag::kRequestMessage && count == 1 &&
                        message.Count(Tag::kBatchItem) == 1 && header.Count(Tag::kBatchCount) == 1;
  if (!is_whole) {
    return DataLoss("not one request");
  }
  return Parts{.version = {.major = major, .minor = minor},
               .item = item,
               .payload = payload,
               .operation = operation};
}

void BeginAnswer(TtlvWriter& out, Version version) {
  out.Begin(Tag::kResponseMessage)
      .Begin(Tag::kResponseHeader)
      .Begin(Tag::kProtocolVersion)
      .Integer(Tag::kProtocolVersionMajor, version.major)
      .Integer(Tag::kProtocolVersionMinor, version.minor)
      .End()
      .DateTime(Tag::kTimeStamp, kTimeStamp)
      .Integer(Tag::kBatchCount, 1)
      .End()
      .Begin(Tag::kBatchItem);
}

std::vector<std::byte> EndAnswer(TtlvWriter& out) {
  out.End().End();
  const Secret bytes = std::move(out).Take();
  return {bytes.Reveal().begin(), bytes.Reveal().end()};
}

void WriteEcho(TtlvWriter& out, const TtlvView& item) {
  out.Enumeration(Tag::kOperation, *item.Find(Tag::kOperation)->AsEnumeration());
  const auto id = item.Find(Tag::kUniqueBatchItemId);
  if (id.has_value() && id->AsBytes().has_value()) {
    out.Bytes(Tag::kUniqueBatchItemId, *id->AsBytes());
  }
}

void WriteFailure(TtlvWriter& out, const FakeKmip::Failure& failure) {
  out.Enum(Tag::kResultStatus, failure.status)
      .Enum(Tag::kResultReason, failure.reason)
      .Text(Tag::kResultMessage, failure.text);
}

// Of the message as a whole.
std::vector<std::byte> RefuseMessage(const FakeKmip::Failure& failure) {
  TtlvWriter out;
  BeginAnswer(out, {1, 0});
  WriteFailure(out, failure);
  return EndAnswer(out);
}

std::vector<std::byte> RefuseMessage(std::string text) {
  return RefuseMessage({.reason = ResultReason::kInvalidMessage, .text = std::move(text)});
}

std::vector<std::byte> RefuseItem(Version version,
                                  const TtlvView& item,
                                  const FakeKmip::Failure& failure) {
  if (failure.is_of_whole_message) {
    return RefuseMessage(failure);
  }
  TtlvWriter out;
  BeginAnswer(out, version);
  WriteEcho(out, item);
  WriteFailure(out, failure);
  return EndAnswer(out);
}

std::string KeyOf(const TtlvView& payload) {
  const auto id = payload.Find(Tag::kUniqueIdentifier);
  return id.has_value() ? std::string(id->AsText().value_or("")) : "";
}

}  // namespace

FakeKmip::FakeKmip(Rules rules, std::shared_ptr<FakeKmipKeys> keys)
    : keys_(keys != nullptr ? std::move(keys) : std::make_shared<FakeKmipKeys>()),
      rules_(std::move(rules)) {}

void FakeKmip::SetRules(Rules rules) {
  absl::MutexLock lock(&mutex_);
  rules_ = std::move(rules);
}

void FakeKmip::Fail(std::optional<Operation> operation, int nth, const Failure& failure) {
  RBDCRYPT_CHECK(nth > 0);
  absl::MutexLock lock(&mutex_);
  planned_.push_back(
      {.operation = operation, .is_lasting = false, .left = nth, .failure = failure});
}

void FakeKmip::FailAlways(std::optional<Operation> operation, const Failure& failure) {
  absl::MutexLock lock(&mutex_);
  planned_.push_back({.operation = operation, .is_lasting = true, .left = 0, .failure = failure});
}

void FakeKmip::Heal() {
  absl::MutexLock lock(&mutex_);
  planned_.clear();
}

void FakeKmip::OnRequest(std::function<void(const Seen&)> hook) {
  absl::MutexLock lock(&mutex_);
  on_request_ = std::move(hook);
}

void FakeKmip::OnAnswer(std::function<void(const Seen&, std::vector<std::byte>&)> hook) {
  absl::MutexLock lock(&mutex_);
  on_answer_ = std::move(hook);
}

int FakeKmip::Count(Operation operation) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(std::ranges::count(seen_, operation, &Seen::operation));
}

int FakeKmip::Count() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(seen_.size());
}

std::vector<FakeKmip::Seen> FakeKmip::seen() const {
  absl::MutexLock lock(&mutex_);
  return seen_;
}

// What one request meets, taken at once.
struct FakeKmip::Moment {
  Rules rules;
  std::optional<Failure> failure;
  std::function<void(const Seen&)> on_request;
  std::function<void(const Seen&, std::vector<std::byte>&)> on_answer;
};

FakeKmip::Moment FakeKmip::Take(const Seen& seen) {
  absl::MutexLock lock(&mutex_);
  seen_.push_back(seen);
  Moment moment = {
      .rules = rules_, .failure = {}, .on_request = on_request_, .on_answer = on_answer_};
  for (Planned& planned : planned_) {
    const bool fits = !planned.operation.has_value() || *planned.operation == seen.operation;
    if (fits && (planned.is_lasting || --planned.left == 0) && !moment.failure.has_value()) {
      moment.failure = planned.failure;
    }
  }
  return moment;
}

std::vector<std::byte> FakeKmip::Answer(std::span<const std::byte> message) {
  const Result<Parts> parts = TakeApart(message);
  if (!parts.ok()) {
    return RefuseMessage(Message(parts.status()));
  }
  const Seen seen = {.version = parts->version,
                     .operation = static_cast<Operation>(parts->operation),
                     .key_id = KeyOf(parts->payload),
                     .bytes = {message.begin(), message.end()}};
  const Moment moment = Take(seen);
  if (moment.on_request) {
    moment.on_request(seen);
  }
  const FakeKmipCall call = {.version = seen.version,
                             .operation = seen.operation,
                             .key_id = seen.key_id,
                             .payload = parts->payload,
                             .rules = moment.rules,
                             .keys = *keys_};
  std::vector<std::byte> answer = AnswerTo(parts->item, call, moment.failure);
  if (moment.on_answer) {
    moment.on_answer(seen, answer);
  }
  return answer;
}

std::vector<std::byte> FakeKmip::AnswerTo(const TtlvView& item,
                                          const FakeKmipCall& call,
                                          const std::optional<Failure>& failure) {
  if (std::ranges::find(call.rules.versions, call.version) == call.rules.versions.end()) {
    return RefuseMessage(Cat("KMIP ", call.version.Text(), " is not supported by the server."));
  }
  if (!IsInOrder(call.payload, call.operation, call.version)) {
    return RefuseMessage("Error parsing request message. See server logs for more information.");
  }
  if (failure.has_value() && !failure->acts) {
    return RefuseItem(call.version, item, *failure);
  }
  const FakeKmipOutcome outcome = CarryOut(call);
  if (failure.has_value()) {
    return RefuseItem(call.version, item, *failure);
  }
  if (const auto* refusal = std::get_if<FakeKmipRefusal>(&outcome)) {
    return RefuseItem(call.version, item, {.reason = refusal->reason, .text = refusal->text});
  }
  TtlvWriter out;
  BeginAnswer(out, call.version);
  WriteEcho(out, item);
  out.Enum(Tag::kResultStatus, kmip::ResultStatus::kSuccess).Begin(Tag::kResponsePayload);
  std::get<FakeKmipResult>(outcome)(out);
  out.End();
  return EndAnswer(out);
}

}  // namespace rbdcrypt::testing
