// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors

// Everything kmip/ reads of an answer. The first byte chooses what was asked; where its top bit is
// set, the rest is a payload that was already found to be the answer's.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "base/secret.h"
#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/operations.h"
#include "kmip/reasons.h"

namespace rbdcrypt::kmip {
namespace {

// Unique Batch Item ID and key of the seeds.
constexpr ItemId kId = {std::byte{0x11}, std::byte{0x11}, std::byte{0x11}, std::byte{0x11},
                        std::byte{0x22}, std::byte{0x22}, std::byte{0x33}, std::byte{0x33},
                        std::byte{0x44}, std::byte{0x44}, std::byte{0x55}, std::byte{0x55},
                        std::byte{0x55}, std::byte{0x55}, std::byte{0x55}, std::byte{0x55}};
constexpr char kKey[] = "1";

Request Ask(std::uint8_t choice) {
  static const Secret data(std::string_view("data"));
  switch (choice % 11) {
    case 0:
      return DiscoverVersionsRequest({});
    case 1:
      return QueryRequest();
    case 2:
      return EncryptRequest({.key_id = kKey, .parameters = {}, .data = data});
    case 3:
      return DecryptRequest({.key_id = kKey, .parameters = {}, .data = {}});
    case 4:
      return GetRequest(kKey);
    case 5:
      return GetAttributesRequest(kKey);
    case 6:
      return LocateRequest("");
    case 7:
      return CreateRequest(256, "");
    case 8:
      return ActivateRequest(kKey);
    case 9:
      return RevokeRequest(kKey);
    default:
      return DestroyRequest(kKey);
  }
}

bool IsPrintable(const std::string& text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7F; });
}

void CheckError(const Status& status) {
  // Our own words and 200 characters of the server's, of up to 4 bytes.
  RBDCRYPT_CHECK(Message(status).size() < 1100);
  RBDCRYPT_CHECK(IsPrintable(Message(status)));
  RBDCRYPT_CHECK(ReasonOf(status).has_value() || status.code() == Code::kDataLoss ||
                 status.code() == Code::kInternal || status.code() == Code::kFailedPrecondition);
}

void CheckMaterial(const Result<Secret>& key) {
  RBDCRYPT_CHECK(!key.ok() || key->size() == 16 || key->size() == 24 || key->size() == 32);
}

void CheckServer(const Result<ServerInformation>& server) {
  RBDCRYPT_CHECK(!server.ok() || (server->vendor.size() <= 400 && IsPrintable(server->vendor)));
}

// Every reader has to bear every answer.
void ReadAll(const Answer& answer) {
  const auto key = ReadKeyMaterial(answer);
  const auto server = ReadServerInformation(answer);
  CheckMaterial(key);
  CheckServer(server);
  for (const Status& status :
       {ReadVersions(answer).status(), server.status(), ReadEncrypted(answer).status(),
        ReadDecrypted(answer).status(), key.status(), ReadAttributes(answer).status(),
        ReadLocated(answer).status(), ReadKeyId(answer).status()}) {
    if (!status.ok()) {
      CheckError(status);
    }
  }
}

void ReadPayload(std::span<const std::byte> bytes) {
  Secret payload(bytes);
  const auto view = TtlvView::Parse(payload.Reveal());
  if (view.ok()) {
    ReadAll(Answer(std::move(payload), *view));
  }
}

void ReadMessage(std::uint8_t choice, std::span<const std::byte> bytes) {
  const Request request = Ask(choice);
  const auto answer = DecodeAnswer(Secret(bytes), request, {.major = 1, .minor = 4}, kId);
  if (!answer.ok()) {
    CheckError(answer.status());
    return;
  }
  RBDCRYPT_CHECK(request.key_id.empty() || ReadKeyId(*answer).value() == kKey);
  ReadAll(*answer);
}

}  // namespace
}  // namespace rbdcrypt::kmip

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
  if ((data[0] & 0x80U) != 0) {
    rbdcrypt::kmip::ReadPayload(rest);
  } else {
    rbdcrypt::kmip::ReadMessage(data[0], rest);
  }
  return 0;
}
