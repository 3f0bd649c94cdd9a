// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/kmip/codec_support.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <utility>

#include "base/encoding.h"
#include "base/json.h"
#include "base/strings.h"
#include "kmip/operations.h"

namespace rbdcrypt::kmip {
namespace {

constexpr std::string_view kPlain = "0123456789abcdef0123456789abcdef";

Json ReadJson(std::string_view file) {
  std::ifstream in(Cat(RBDCRYPT_VECTORS, "/kmip/", file));
  Json json = Json::parse(in, nullptr, false);
  RBDCRYPT_CHECK(!json.is_discarded());
  return json;
}

// Of "1.4".
Version ParseVersion(std::string_view text) {
  for (const Version& version : KnownVersions()) {
    if (version.Text() == text) {
      return version;
    }
  }
  CheckFailed("the version is known");
}

std::vector<Recorded> ReadRecorded() {
  std::vector<Recorded> all;
  for (const Json& one : ReadJson("pykmip.json")) {
    all.push_back({.name = one["name"],
                   .version = ParseVersion(one["version"].get<std::string>()),
                   .request = Hex(one["request"].get<std::string>()),
                   .response = Hex(one["response"].get<std::string>())});
  }
  return all;
}

// What a sample's fields refer to; lives as long as the program.
struct World {
  testing::FakeKmip server;
  Secret plain{kPlain};
  Bytes iv = Hex("101112131415161718191a1b");
  Bytes additional = BytesOf(std::string_view("volume"));
  Encrypted sealed;
};

CryptoParameters Gcm() {
  return {.mode = BlockCipherMode::kGcm,
          .algorithm = CryptographicAlgorithm::kAes,
          .iv_bytes = 12,
          .tag_bytes = 16};
}

// Forgets the value.
template <typename T>
std::function<Status(const Answer&)> StatusOnly(Result<T> (*read)(const Answer&)) {
  return [read](const Answer& answer) { return read(answer).status(); };
}

class SampleMaker {
 public:
  SampleMaker(World& world, Version version, std::vector<Sample>& out)
      : world_(world), version_(version), out_(out) {}

  void Make(Request request, std::function<Status(const Answer&)> read) {
    const ItemId id = VectorId();
    const Secret message = EncodeRequest(request, version_, id);
    out_.push_back({.name = Cat(NameOf(request.operation), " in ", version_.Text()),
                    .version = version_,
                    .request = std::move(request),
                    .id = id,
                    .answer = world_.server.Answer(message.Reveal()),
                    .read = std::move(read)});
  }

  void MakeAll() {
    Make(DiscoverVersionsRequest(KnownVersions()), StatusOnly(ReadVersions));
    Make(QueryRequest(), StatusOnly(ReadServerInformation));
    const Request encrypt = EncryptRequest({.key_id = "kek",
                                            .parameters = Gcm(),
                                            .data = world_.plain,
                                            .iv = world_.iv,
                                            .additional_data = world_.additional});
    world_.sealed = *ReadEncrypted(*Ask(world_.server, encrypt, version_));
    Make(encrypt, StatusOnly(ReadEncrypted));
    Make(DecryptRequest({.key_id = "kek",
                         .parameters = Gcm(),
                         .data = world_.sealed.data,
                         .iv = world_.iv,
                         .additional_data = world_.additional,
                         .tag = world_.sealed.tag}),
         StatusOnly(ReadDecrypted));
    Make(GetRequest("kek"), StatusOnly(ReadKeyMaterial));
    Make(GetAttributesRequest("kek"), StatusOnly(ReadAttributes));
    Make(LocateRequest("name"), StatusOnly(ReadLocated));
    Make(CreateRequest(256, "made"), StatusOnly(ReadKeyId));
    const std::string made = world_.server.keys().Named("made").back();
    Make(ActivateRequest(made), StatusOnly(ReadKeyId));
    Make(RevokeRequest(made), StatusOnly(ReadKeyId));
    Make(DestroyRequest(made), StatusOnly(ReadKeyId));
  }

 private:
  World& world_;
  const Version version_;
  std::vector<Sample>& out_;
};

std::vector<Sample> MakeSamples() {
  // Requests refer to it.
  static auto& world = *new World;
  world.server.keys().Put("kek", {.material = BytesOf(kPlain), .name = "name"});
  std::vector<Sample> samples;
  SampleMaker(world, {.major = 1, .minor = 4}, samples).MakeAll();
  SampleMaker(world, {.major = 2, .minor = 1}, samples)
      .Make(GetAttributesRequest("kek"), StatusOnly(ReadAttributes));
  return samples;
}

}  // namespace

Bytes Hex(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ' ');
  auto bytes = HexDecode(digits);
  RBDCRYPT_CHECK(bytes.ok());
  return *std::move(bytes);
}

Bytes BytesOf(const Secret& secret) {
  return {secret.Reveal().begin(), secret.Reveal().end()};
}

Bytes BytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes Vector(std::string_view file, const std::string& member) {
  return Hex(ReadJson(file).at(member).get<std::string>());
}

const std::vector<Recorded>& RecordedOfPyKmip() {
  static const auto& all = *new std::vector<Recorded>(ReadRecorded());
  return all;
}

const Recorded& RecordedOfPyKmip(std::string_view name, std::string_view version) {
  const auto& all = RecordedOfPyKmip();
  const auto found = std::ranges::find_if(all, [name, version](const Recorded& one) {
    return one.name == name && one.version.Text() == version;
  });
  RBDCRYPT_CHECK(found != all.end());
  return *found;
}

ItemId VectorId() {
  const Bytes bytes = Hex("11111111 2222 3333 4444 555555555555");
  ItemId id;
  std::ranges::copy(bytes, id.begin());
  return id;
}

Result<Answer> Ask(testing::FakeKmip& server, const Request& request, Version version) {
  ASSIGN_OR_RETURN(const ItemId id, NewItemId());
  const Secret message = EncodeRequest(request, version, id);
  return DecodeAnswer(Secret(server.Answer(message.Reveal())), request, version, id);
}

const std::vector<Sample>& Samples() {
  static const auto& samples = *new std::vector<Sample>(MakeSamples());
  return samples;
}

}  // namespace rbdcrypt::kmip
