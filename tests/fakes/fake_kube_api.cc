// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kube_api.h"

#include <algorithm>
#include <utility>

#include "base/encoding.h"
#include "base/strings.h"

namespace rbdcrypt::testing {
namespace {

using Reply = FakeKubeStore::Reply;

// Small enough to cut every event of a watch several times.
constexpr std::size_t kChunkBytes = 61;

std::string Unescape(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain.push_back(static_cast<char>(ParseHexUint(text.substr(i + 1, 2)).value_or('?')));
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

std::string HeaderOf(const net::HttpRequest& request, std::string_view name) {
  for (const net::Header& header : request.headers) {
    if (header.name == name) {
      return header.value;
    }
  }
  return "";
}

bool WantsMetadata(const net::HttpRequest& request) {
  return HeaderOf(request, "Accept").find("as=PartialObjectMetadata") != std::string::npos;
}

Json MetadataOf(const Json& object) {
  return {{"apiVersion", "meta.k8s.io/v1"},
          {"kind", "PartialObjectMetadata"},
          {"metadata", object["metadata"]}};
}

net::HttpAnswer ToAnswer(const Reply& reply) {
  return FakeHttpClient::Answer(reply.status, reply.body.dump());
}

Json BodyOf(const net::HttpRequest& request) {
  return Json::parse(request.body.RevealText(), nullptr, false);
}

FakeKubeStore::Part PartOf(const std::string& part) {
  return part == "status" ? FakeKubeStore::Part::kStatus : FakeKubeStore::Part::kMain;
}

std::string Line(std::string_view type, const Json& object) {
  return Cat(Json{{"type", type}, {"object", object}}.dump(), '\n');
}

}  // namespace

std::string FakeKubeApi::Target::Query(std::string_view name) const {
  for (const auto& [key_text, value] : query) {
    if (key_text == name) {
      return value;
    }
  }
  return "";
}

FakeKubeApi::Target FakeKubeApi::Parse(std::string_view target) {
  const std::size_t question = target.find('?');
  std::vector<std::string> path = Split(target.substr(0, question), '/');
  std::transform(path.begin(), path.end(), path.begin(),
                 [](const std::string& segment) { return Unescape(segment); });
  Target parsed;
  if (question != std::string_view::npos) {
    for (const std::string& pair : Split(target.substr(question + 1), '&')) {
      const std::size_t equals = pair.find('=');
      parsed.query.emplace_back(pair.substr(0, equals), Unescape(pair.substr(equals + 1)));
    }
  }
  const std::size_t root = path.front() == "api" ? 2 : 3;
  std::vector<std::string> rest(path.begin() + static_cast<std::ptrdiff_t>(root), path.end());
  if (rest.size() >= 3 && rest[0] == "namespaces" && rest[2] != "status") {
    parsed.key.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  path.resize(root);
  parsed.key.type = Cat(Join(path, "/"), '/', rest[0]);
  parsed.key.name = rest.size() > 1 ? rest[1] : "";
  parsed.part = rest.size() > 2 ? rest[2] : "";
  return parsed;
}

FakeKubeStore::Key FakeKubeApi::KeyOf(const k8s::Resource& resource, const k8s::ObjectName& name) {
  Target target = Parse(*k8s::ObjectPath(resource, name));
  return std::move(target.key);
}

void FakeKubeApi::Note(const net::HttpRequest& request) {
  Seen seen = {.method = request.method,
               .target = request.target,
               .body = std::string(request.body.RevealText()),
               .headers = {Cat("Content-Type: ", request.content_type)}};
  for (const net::Header& header : request.headers) {
    seen.headers.push_back(Cat(header.name, ": ", header.value));
  }
  for (const net::SecretHeader& header : request.secret_headers) {
    seen.headers.push_back(Cat(header.name, ": ", header.value.RevealText()));
  }
  seen_.push_back(std::move(seen));
}

std::optional<Reply> FakeKubeApi::Refuse(const Target& target) {
  const std::vector<std::string>& headers = seen_.back().headers;
  const bool is_known =
      tokens_.empty() || std::any_of(tokens_.begin(), tokens_.end(), [&](const std::string& token) {
        return std::find(headers.begin(), headers.end(), Cat("Authorization: Bearer ", token)) !=
               headers.end();
      });
  if (!is_known) {
    return FakeKubeStore::Error(401, "Unauthorized", "Unauthorized");
  }
  if (unserved_.contains(Split(target.key.type, '/').back())) {
    return Reply{.status = 404, .body = "404 page not found"};
  }
  return std::nullopt;
}

Result<net::HttpAnswer> FakeKubeApi::Fail(const Fault& fault, const net::HttpRequest& request) {
  switch (fault.kind) {
    case Fault::Kind::kNeverArrived:
      return net::NeverArrived(Unavailable("nobody listens"));
    case Fault::Kind::kLostAnswer:
      Carry(request, Parse(request.target));
      changed_.SignalAll();
      return Unavailable("the connection broke before the answer");
    case Fault::Kind::kAnswer:
      break;
  }
  net::HttpAnswer answer =
      fault.body.has_value()
          ? FakeHttpClient::Answer(fault.status, *fault.body)
          : ToAnswer(FakeKubeStore::Error(fault.status, fault.reason, fault.message));
  if (fault.retry_after.has_value()) {
    answer.headers.push_back({.name = "retry-after", .value = *fault.retry_after});
  }
  return answer;
}

Result<net::HttpAnswer> FakeKubeApi::SendLocked(const net::HttpRequest& request) {
  Note(request);
  if (!faults_.empty()) {
    const Fault fault = std::move(faults_.front());
    faults_.pop_front();
    return Fail(fault, request);
  }
  const Target target = Parse(request.target);
  if (const auto refusal = Refuse(target)) {
    return ToAnswer(*refusal);
  }
  Reply reply = Carry(request, target);
  if (WantsMetadata(request) && reply.status == 200 && reply.body.contains("items")) {
    for (Json& item : reply.body["items"]) {
      item = MetadataOf(item);
    }
  }
  changed_.SignalAll();
  return ToAnswer(reply);
}

Reply FakeKubeApi::Carry(const net::HttpRequest& request, const Target& target) {
  if (request.method != "GET") {
    return Write(request, target);
  }
  if (!target.key.name.empty()) {
    return store_.Get(target.key);
  }
  return store_.List(target.key.type, target.key.ns,
                     {.labels = target.Query("labelSelector"),
                      .fields = target.Query("fieldSelector"),
                      .limit = ParseUint64(target.Query("limit")).value_or(0),
                      .continue_token = target.Query("continue")});
}

Reply FakeKubeApi::Write(const net::HttpRequest& request, const Target& target) {
  const Json body = BodyOf(request);
  if (body.is_discarded()) {
    return FakeKubeStore::Error(400, "BadRequest", "the body is no JSON");
  }
  if (request.method == "POST") {
    return target.part == "token" ? NewToken(target) : store_.Create(target.key, body);
  }
  if (request.method == "PUT") {
    return store_.Update(target.key, body, PartOf(target.part));
  }
  if (request.method == "DELETE") {
    return store_.Delete(target.key, body);
  }
  if (request.content_type == "application/merge-patch+json") {
    return store_.Merge(target.key, body, PartOf(target.part));
  }
  if (request.content_type == "application/apply-patch+yaml") {
    return store_.Apply(target.key, body, target.Query("fieldManager"),
                        target.Query("force") == "true");
  }
  return FakeKubeStore::Error(415, "UnsupportedMediaType", request.content_type);
}

Reply FakeKubeApi::NewToken(const Target& target) {
  const Reply account = store_.Get(target.key);
  if (account.status != 200) {
    return account;
  }
  return {
      .status = 201,
      .body = {
          {"kind", "TokenRequest"},
          {"apiVersion", "authentication.k8s.io/v1"},
          {"status",
           {{"token", Cat("token-", ++tokens_made_, "-of-", target.key.ns, '-', target.key.name)},
            {"expirationTimestamp", "2026-01-01T01:00:00Z"}}}}};
}

Result<net::HttpAnswer> FakeKubeApi::Send(const Context& context, const net::HttpRequest& request) {
  RETURN_IF_ERROR(context.Check("send a request"));
  absl::MutexLock lock(&mutex_);
  return SendLocked(request);
}

std::vector<std::string> FakeKubeApi::News(WatchState& watch, std::optional<Status>& end) {
  std::vector<std::string> lines;
  const FakeKubeStore::ListQuery query = {.labels = watch.target.Query("labelSelector"),
                                          .fields = watch.target.Query("fieldSelector"),
                                          .limit = 0,
                                          .continue_token = ""};
  if (!store_.Remembers(watch.version)) {
    lines.push_back(
        Line("ERROR", FakeKubeStore::Error(410, "Expired", "too old resource version").body));
    end = OkStatus();
    return lines;
  }
  for (const auto& change :
       store_.ChangesAfter(watch.version, watch.target.key.type, watch.target.key.ns, query)) {
    lines.push_back(
        Line(change.event, watch.metadata_only ? MetadataOf(change.object) : change.object));
    watch.version = change.version;
  }
  for (; watch.broadcast < broadcasts_.size() && !end.has_value(); ++watch.broadcast) {
    const Broadcast& broadcast = broadcasts_[watch.broadcast];
    if (broadcast.kind == Broadcast::Kind::kLine) {
      lines.push_back(broadcast.line);
    } else if (broadcast.kind == Broadcast::Kind::kBookmark) {
      watch.version = store_.version();
      const Json meta = {{"resourceVersion", std::to_string(watch.version)}};
      lines.push_back(Line("BOOKMARK", {{"kind", "Any"}, {"metadata", meta}}));
    } else {
      end = broadcast.kind == Broadcast::Kind::kEnd ? OkStatus() : Unavailable("connection lost");
    }
  }
  return lines;
}

Result<net::HttpAnswer> FakeKubeApi::Stream(
    const Context& context,
    const net::HttpRequest& request,
    const std::function<Status(std::span<const std::byte>)>& sink) {
  RETURN_IF_ERROR(context.Check("send a request"));
  WatchState watch = {.target = Parse(request.target), .metadata_only = WantsMetadata(request)};
  {
    absl::MutexLock lock(&mutex_);
    ASSIGN_OR_RETURN(net::HttpAnswer answer, SendLocked(request));
    if (answer.status != 200) {
      return answer;
    }
    watch.version = ParseUint64(watch.target.Query("resourceVersion")).value_or(0);
    watch.broadcast = broadcasts_.size();
    ++watches_begun_;
  }
  RETURN_IF_ERROR(sink({}));
  std::optional<Status> end;
  while (!end.has_value()) {
    RETURN_IF_ERROR(context.Check("watch"));
    std::vector<std::string> lines;
    {
      absl::MutexLock lock(&mutex_);
      lines = News(watch, end);
      if (lines.empty() && !end.has_value()) {
        changed_.WaitWithTimeout(&mutex_, absl::Milliseconds(10));
      }
    }
    for (const std::string& line : lines) {
      for (std::size_t at = 0; at < line.size(); at += kChunkBytes) {
        RETURN_IF_ERROR(sink(std::as_bytes(
            std::span(line).subspan(at).first(std::min(kChunkBytes, line.size() - at)))));
      }
    }
  }
  RETURN_IF_ERROR(*end);
  net::HttpAnswer answer;
  answer.status = 200;
  return answer;
}

Json FakeKubeApi::Put(const k8s::Resource& resource, const k8s::ObjectName& name, Json object) {
  absl::MutexLock lock(&mutex_);
  Json stored = store_.Put(KeyOf(resource, name), std::move(object));
  changed_.SignalAll();
  return stored;
}

bool FakeKubeApi::Remove(const k8s::Resource& resource, const k8s::ObjectName& name) {
  absl::MutexLock lock(&mutex_);
  const bool was_there = store_.Delete(KeyOf(resource, name), Json::object()).status == 200;
  changed_.SignalAll();
  return was_there;
}

Json FakeKubeApi::Find(const k8s::Resource& resource, const k8s::ObjectName& name) const {
  absl::MutexLock lock(&mutex_);
  Reply reply = store_.Get(KeyOf(resource, name));
  return reply.status == 200 ? std::move(reply.body) : Json();
}

void FakeKubeApi::Fail(const Fault& fault, int times) {
  absl::MutexLock lock(&mutex_);
  faults_.insert(faults_.end(), static_cast<std::size_t>(times), fault);
}

void FakeKubeApi::AcceptTokens(std::set<std::string> tokens) {
  absl::MutexLock lock(&mutex_);
  tokens_ = std::move(tokens);
}

void FakeKubeApi::Unserve(std::string_view plural) {
  absl::MutexLock lock(&mutex_);
  unserved_.emplace(plural);
}

void FakeKubeApi::ForgetHistory() {
  absl::MutexLock lock(&mutex_);
  store_.ForgetHistory();
  changed_.SignalAll();
}

void FakeKubeApi::Tell(Broadcast broadcast) {
  absl::MutexLock lock(&mutex_);
  broadcasts_.push_back(std::move(broadcast));
  changed_.SignalAll();
}

void FakeKubeApi::EndWatches() {
  Tell({.kind = Broadcast::Kind::kEnd, .line = ""});
}

void FakeKubeApi::DropWatches() {
  Tell({.kind = Broadcast::Kind::kDrop, .line = ""});
}

void FakeKubeApi::SendBookmarks() {
  Tell({.kind = Broadcast::Kind::kBookmark, .line = ""});
}

void FakeKubeApi::SendLine(std::string line) {
  Tell({.kind = Broadcast::Kind::kLine, .line = std::move(line)});
}

bool FakeKubeApi::WaitForWatches(int begun) const {
  const auto is_reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return watches_begun_ >= begun;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&is_reached), absl::Seconds(10));
}

std::vector<FakeKubeApi::Seen> FakeKubeApi::seen() const {
  absl::MutexLock lock(&mutex_);
  return seen_;
}

void FakeKubeApi::ClearSeen() {
  absl::MutexLock lock(&mutex_);
  seen_.clear();
}

std::size_t FakeKubeApi::Count(std::string_view method, std::string_view target_prefix) const {
  absl::MutexLock lock(&mutex_);
  return static_cast<std::size_t>(std::count_if(seen_.begin(), seen_.end(), [&](const Seen& seen) {
    return seen.method == method && seen.target.starts_with(target_prefix);
  }));
}

}  // namespace rbdcrypt::testing
