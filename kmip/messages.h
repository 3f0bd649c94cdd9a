// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "base/secret.h"
#include "base/status.h"
#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "kmip/version.h"

namespace rbdcrypt::kmip {

// Unique Batch Item ID: 16 random bytes, which the server echoes.
using ItemId = std::array<std::byte, 16>;

// kInternal: no randomness.
Result<ItemId> NewItemId();

// What a message asks: one batch item. kmip/operations.h makes them.
struct Request {
  Operation operation = Operation::kDiscoverVersions;
  // Writes the fields of the Request Payload, in the order of that version's specification.
  std::function<void(Version version, TtlvWriter& payload)> write_payload = {};
  // The key it is about, which a successful answer must name again; "" for none.
  std::string key_id = {};
  // Whether it may be sent again when nobody knows what became of it (kmip.md 13).
  bool is_idempotent = true;
};

// The whole message (KMIP 1.4, section 7; kmip.md 4):
//
//   Request Message
//     Request Header
//       Protocol Version {Major, Minor}
//       Batch Count                     1
//     Batch Item
//       Operation
//       Unique Batch Item ID            `id`
//       Request Payload {…}
//
// No optional header field: PyKMIP refuses some, and ceph-csi sends none.
Secret EncodeRequest(const Request& request, Version version, const ItemId& id);

// A successful answer's payload, with the bytes it stands in. Movable; what payload() gives lasts
// as long as the object does.
class Answer {
 public:
  Answer(Secret message, TtlvView payload) : message_(std::move(message)), payload_(payload) {}

  // Maybe without fields: a Locate that found nothing.
  const TtlvView& payload() const { return payload_; }

 private:
  Secret message_;
  TtlvView payload_;
};

// Checks that `message` answers `request` and takes its payload out (kmip.md 4, 15):
//
//   Response Message
//     Response Header {Protocol Version, Time Stamp, …, Batch Count 1}
//     Batch Item
//       Operation?                      that of the request
//       Unique Batch Item ID?           `id`
//       Result Status                   0 Success
//       Result Reason?, Result Message?
//       Response Payload {…}
//
// Operation and id may lack in a failure only, that of the whole message, which may also be of
// another version (PyKMIP: 1.0). A success has the major version that was asked in, but for that of
// Discover Versions.
// Errors: kDataLoss: no such message, or an answer to another request. What the server says: as
// FromReason() (kmip/reasons.h), which alone has a ReasonOf().
Result<Answer> DecodeAnswer(Secret message,
                            const Request& request,
                            Version version,
                            const ItemId& id);

}  // namespace rbdcrypt::kmip
