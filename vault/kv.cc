// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "vault/kv.h"

#include <utility>

#include "base/strings.h"
#include "net/http_client.h"
#include "net/url.h"
#include "vault/names.h"

namespace rbdcrypt::vault {
namespace {

constexpr std::string_view kWrongVersionText = "Invalid path for a versioned";

std::string TextAt(const SecretJson& json, std::initializer_list<std::string_view> path) {
  const std::optional<SecretJson> found = json.Find(path);
  return found.has_value() ? found->AsText().value_or("") : std::string();
}

std::uint64_t NumberAt(const SecretJson& json, std::initializer_list<std::string_view> path) {
  const std::optional<SecretJson> found = json.Find(path);
  const std::int64_t number = found.has_value() ? found->AsInt().value_or(0) : 0;
  return number > 0 ? static_cast<std::uint64_t>(number) : 0;
}

// Of the stored object, {"data":{"passphrase":"…"}}.
Result<Secret> PassphraseIn(const std::optional<SecretJson>& stored) {
  const std::optional<SecretJson> text =
      stored.has_value() ? stored->Find({kDataField, kPassphraseField}) : std::nullopt;
  std::optional<Secret> passphrase = text.has_value() ? text->AsSecret() : std::nullopt;
  if (!passphrase.has_value() || passphrase->empty()) {
    return DataLoss(
        "the secret there has no data.passphrase: it is not one of this driver or of "
        "ceph-csi; restore it from a backup");
  }
  return *std::move(passphrase);
}

Status WrongVersion(const Answer& answer, int is, int taken_for) {
  return FailedPrecondition(Cat(answer.Describe(), ": the mount there is a KV version ", is,
                                ", but was taken for a version ", taken_for,
                                ": correct the option ", kBackend));
}

// A version whose metadata is there and whose data is not: told by nothing but this text, and only
// after the tries were used up, for it may pass.
bool IsDataGone(const Status& status) {
  return Message(status).find("could not find version data") != std::string::npos;
}

std::string Path(std::initializer_list<std::string_view> parts) {
  std::string path;
  for (const std::string_view part : parts) {
    if (!part.empty()) {
      path += Cat(path.empty() ? "" : "/", part);
    }
  }
  return path;
}

}  // namespace

Result<KvRead> ParseKv1Read(const Answer& answer) {
  KvRead read;
  if (answer.verdict() == Verdict::kAbsent) {
    if (answer.Says(kWrongVersionText)) {
      return WrongVersion(answer, 2, 1);
    }
    return read;
  }
  ASSIGN_OR_RETURN(const SecretJson json, answer.Json());
  const std::optional<SecretJson> stored = json.Find({"data"});
  ASSIGN_OR_RETURN(read.passphrase, PassphraseIn(stored));
  read.state = KvRead::State::kPresent;
  read.marks.revision = TextAt(*stored, {kRevisionField});
  read.marks.previous = TextAt(*stored, {kPreviousField});
  return read;
}

Result<KvRead> ParseKv2Read(const Answer& answer) {
  KvRead read;
  if (answer.verdict() == Verdict::kAbsent && answer.Says(kWrongVersionText)) {
    return WrongVersion(answer, 2, 1);
  }
  const Result<SecretJson> json = answer.Json();
  const std::optional<SecretJson> metadata =
      json.ok() ? json->Find({"data", "metadata"}) : std::nullopt;
  if (!metadata.has_value()) {
    // A bare {"errors":[]}.
    if (answer.verdict() == Verdict::kAbsent) {
      return read;
    }
    return WrongVersion(answer, 1, 2);
  }
  read.version = NumberAt(*metadata, {"version"});
  read.deletion_time = TextAt(*metadata, {"deletion_time"});
  if (read.version == 0) {
    return Unavailable("the answer names no version");
  }
  if (answer.verdict() == Verdict::kAbsent) {
    read.state = KvRead::State::kDeleted;
    return read;
  }
  ASSIGN_OR_RETURN(read.passphrase, PassphraseIn(json->Find({"data", "data"})));
  read.state = KvRead::State::kPresent;
  return read;
}

Result<KvWritten> ParseKv2Write(const Answer& answer) {
  KvWritten written{.was_repeated = answer.was_repeated()};
  if (answer.verdict() == Verdict::kConflict) {
    written.is_conflict = true;
    return written;
  }
  if (answer.status() == 204) {
    // A KV v1 took it for another secret: of this one there is no new version.
    return net::NeverArrived(WrongVersion(answer, 1, 2));
  }
  ASSIGN_OR_RETURN(const SecretJson json, answer.Json());
  written.version = NumberAt(json, {"data", "version"});
  written.deletion_time = TextAt(json, {"data", "deletion_time"});
  if (written.version == 0) {
    return Unavailable("the answer to the write names no version");
  }
  return written;
}

std::string_view FateOfWrite(const Result<KvRead>& read) {
  return read.ok() ? "the DEK was not stored so far" : "whether the DEK was stored is not known";
}

Secret Kv1Body(const Secret& passphrase, const Kv1Marks& marks) {
  SecretJsonWriter body;
  body.BeginObject().Key(kDataField).BeginObject().Key(kPassphraseField).Value(passphrase);
  body.EndObject();
  for (const auto& [name, value] : {std::pair(kRevisionField, std::string_view(marks.revision)),
                                    std::pair(kPreviousField, std::string_view(marks.previous))}) {
    if (!value.empty()) {
      body.Key(name).Value(value);
    }
  }
  body.EndObject();
  return std::move(body).Take();
}

Secret Kv2Body(const Secret& passphrase, std::uint64_t cas) {
  SecretJsonWriter body;
  body.BeginObject().Key("data").BeginObject().Key(kDataField).BeginObject();
  body.Key(kPassphraseField).Value(passphrase).EndObject().EndObject();
  body.Key("options").BeginObject().Key("cas").Value(static_cast<std::int64_t>(cas));
  body.EndObject().EndObject();
  return std::move(body).Take();
}

Kv::Kv(AuthorizedClient& client, KvMount mount, std::string prefix)
    : client_(client), mount_(std::move(mount)), prefix_(std::move(prefix)) {}

std::string Kv::Target(std::string_view area, std::string_view id) const {
  return net::EscapePath(Path({mount_.path, area, mount_.prefix, prefix_, id}));
}

std::string Kv::PathOf(std::string_view id) const {
  return Target(mount_.version == 2 ? "data" : "", id);
}

Result<KvRead> Kv::Read(const Context& context,
                        std::string_view id,
                        std::optional<std::uint64_t> version) {
  const std::string path = PathOf(id);
  Call call{.path = path, .node = Node::kActive};
  if (version.has_value()) {
    call.path += Cat("?version=", *version);
  }
  const Result<Answer> answer = client_.Send(context, std::move(call));
  if (!answer.ok()) {
    return IsDataGone(answer.status()) ? DataLoss(Message(answer.status())) : answer.status();
  }
  const bool is_absent =
      answer->verdict() == Verdict::kAbsent && !answer->Says("no handler for route");
  if (answer->verdict() != Verdict::kSuccess && !is_absent) {
    return client_.Explain(context, *answer, path, "read");
  }
  Result<KvRead> read = mount_.version == 2 ? ParseKv2Read(*answer) : ParseKv1Read(*answer);
  return read.ok() ? std::move(read) : Annotate(read.status(), client_.Subject(path));
}

Status Kv::Write1(const Context& context, std::string_view id, Secret body) {
  return SendPlain(context, {.method = "PUT", .path = PathOf(id), .body = std::move(body)},
                   "create\" and \"update");
}

Result<KvWritten> Kv::Write2(const Context& context,
                             std::string_view id,
                             const Secret& passphrase,
                             std::uint64_t cas) {
  const std::string path = PathOf(id);
  Call call{.method = "PUT", .path = path, .body = Kv2Body(passphrase, cas)};
  ASSIGN_OR_RETURN(const Answer answer, client_.Send(context, std::move(call)));
  if (answer.verdict() != Verdict::kSuccess && answer.verdict() != Verdict::kConflict) {
    return Refused(context, answer, path, "create\" and \"update");
  }
  Result<KvWritten> written = ParseKv2Write(answer);
  return written.ok() ? std::move(written) : Annotate(written.status(), client_.Subject(path));
}

Status Kv::Delete(const Context& context, std::string_view id) {
  return SendPlain(context, {.method = "DELETE", .path = PathOf(id)}, "delete");
}

Status Kv::DeleteAll(const Context& context, std::string_view id) {
  return SendPlain(context, {.method = "DELETE", .path = Target("metadata", id)}, "delete");
}

Status Kv::Destroy(const Context& context,
                   std::string_view id,
                   const std::vector<std::uint64_t>& versions) {
  SecretJsonWriter body;
  body.BeginObject().Key("versions").BeginArray();
  for (const std::uint64_t version : versions) {
    body.Value(static_cast<std::int64_t>(version));
  }
  body.EndArray().EndObject();
  return SendPlain(context,
                   {.method = "PUT", .path = Target("destroy", id), .body = std::move(body).Take()},
                   "update");
}

Status Kv::SetCustomMetadata(
    const Context& context,
    std::string_view id,
    const std::vector<std::pair<std::string, std::string>>& custom_metadata) {
  SecretJsonWriter body;
  body.BeginObject().Key("custom_metadata").BeginObject();
  for (const auto& [name, value] : custom_metadata) {
    body.Key(name).Value(std::string_view(value));
  }
  body.EndObject().EndObject();
  return SendPlain(
      context, {.method = "POST", .path = Target("metadata", id), .body = std::move(body).Take()},
      "create\" and \"update");
}

// For calls of which only success counts; deleting what is absent is one.
Status Kv::SendPlain(const Context& context, Call call, std::string_view right) {
  const std::string path = call.path;
  const bool deletes = call.method == "DELETE";
  // A standby that lags answers by itself that there is nothing to delete.
  call.node = Node::kActive;
  ASSIGN_OR_RETURN(const Answer answer, client_.Send(context, std::move(call)));
  const bool is_absent = deletes && answer.verdict() == Verdict::kAbsent &&
                         !answer.Says("no handler for route") && !answer.Says(kWrongVersionText);
  if (answer.verdict() == Verdict::kSuccess || is_absent) {
    return OkStatus();
  }
  return Refused(context, answer, path, right);
}

// A refusal says that nothing was done only where no earlier try may have been acted upon.
Status Kv::Refused(const Context& context,
                   const Answer& answer,
                   std::string_view path,
                   std::string_view right) {
  const Status refused = client_.Explain(context, answer, path, right);
  return answer.was_repeated() ? refused : net::NeverArrived(refused);
}

}  // namespace rbdcrypt::vault
