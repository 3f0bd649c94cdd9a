// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "kmip/messages.h"
#include "kmip/version.h"
#include "tests/fakes/fake_kmip.h"

namespace rbdcrypt::kmip {

using Bytes = std::vector<std::byte>;

// Of hexadecimal digits; spaces between them are for the reader.
Bytes Hex(std::string_view text);
Bytes BytesOf(const Secret& secret);
Bytes BytesOf(std::string_view text);

// A member of a file of tests/vectors/kmip: Vector("types.json", "Integer").
Bytes Vector(std::string_view file, const std::string& member);

// A conversation of tests/vectors/kmip/pykmip.json.
struct Recorded {
  std::string name;
  Version version;
  Bytes request;
  Bytes response;
};

const std::vector<Recorded>& RecordedOfPyKmip();
// The one of that name, for which there must be one; a version is "1.4".
const Recorded& RecordedOfPyKmip(std::string_view name, std::string_view version);

// Unique Batch Item ID of all vectors.
ItemId VectorId();

// Asks a server that stands behind no connection.
Result<Answer> Ask(testing::FakeKmip& server, const Request& request, Version version);

// An operation with everything it takes, for tests that go over all of them: a request, a message
// that answers it, and what reads that.
struct Sample {
  std::string name;
  Version version;
  Request request;
  ItemId id;
  Bytes answer;
  std::function<Status(const Answer& answer)> read;
};

// Each operation in version 1.4, and in 2.1 what is answered in another shape there, by a FakeKmip.
const std::vector<Sample>& Samples();

}  // namespace rbdcrypt::kmip
