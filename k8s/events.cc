// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/events.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/encoding.h"
#include "base/log.h"
#include "base/strings.h"

namespace rbdcrypt::k8s {
namespace {

// How late Stop() is noticed while nothing happens.
constexpr absl::Duration kSlice = absl::Milliseconds(100);

// For one Event; the API server's own limits to a request are far above.
constexpr std::chrono::seconds kSendTimeout(10);

// For what waits when the end comes.
constexpr std::chrono::seconds kGoodbye(1);

// Of an Event's text (events.k8s.io/v1, "note"), and of an object's name.
constexpr std::size_t kMaxMessageBytes = 1024;
constexpr std::size_t kMaxNameBytes = 253;

constexpr std::string_view kDefaultNamespace = "default";

std::string NamespaceOf(const Event& event) {
  return event.regarding.ns.empty() ? std::string(kDefaultNamespace) : event.regarding.ns;
}

// Not in the middle of a character of UTF-8.
std::string Shortened(std::string text, std::size_t most) {
  if (text.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) {
      --most;
    }
    text.resize(most);
  }
  return text;
}

Json ReferenceJson(const ObjectReference& object) {
  Json json = {{"kind", object.kind}, {"name", object.name}};
  for (const auto& [field, value] :
       {std::pair{"apiVersion", &object.api_version}, std::pair{"namespace", &object.ns},
        std::pair{"uid", &object.uid}}) {
    if (!value->empty()) {
      json[field] = *value;
    }
  }
  return json;
}

}  // namespace

std::string EventSender::NewName(const Event& event, WallTime now) {
  // client-go's names: the object's, and the time in hexadecimal; ours never repeats.
  const auto ticks = static_cast<std::uint64_t>(now.time_since_epoch().count()) + sequence_++;
  const std::string suffix = Cat('.', HexUint(ticks, 16));
  std::string name = event.regarding.name.substr(0, kMaxNameBytes - suffix.size());
  while (!name.empty() && (name.back() == '.' || name.back() == '-')) {
    name.pop_back();
  }
  return Cat(name, suffix);
}

EventSender::EventSender(Client& client, Clock& clock, EventSenderOptions options)
    : client_(client),
      clock_(clock),
      options_(std::move(options)),
      filter_(clock),
      worker_(clock, [this](const Context& context) { Run(context); }) {}

void EventSender::Record(Event event) {
  event.message = Shortened(std::move(event.message), kMaxMessageBytes);
  absl::MutexLock lock(&mutex_);
  if (give_up_at_.has_value() || queue_.size() >= options_.max_queued) {
    ++dropped_;
    return;
  }
  queue_.push_back(std::move(event));
}

void EventSender::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    give_up_at_ = give_up_at_.value_or(clock_.Now() + kGoodbye);
  }
  worker_.Stop();
}

std::int64_t EventSender::dropped() const {
  absl::MutexLock lock(&mutex_);
  return dropped_;
}

void EventSender::CountDropped(std::int64_t events) {
  absl::MutexLock lock(&mutex_);
  dropped_ += events;
}

bool EventSender::WaitForEvent() {
  const auto has_event = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty(); };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&has_event), kSlice);
}

bool EventSender::GaveUp() const {
  absl::MutexLock lock(&mutex_);
  return give_up_at_.has_value() && clock_.Now() >= *give_up_at_;
}

void EventSender::Run(const Context& context) {
  // Outlasts the worker's own, so that the Event under way is not lost to Stop().
  const Context sending({.clock = &clock_, .is_cancelled = [this] { return GaveUp(); }});
  while (context.Check("send events").ok()) {
    if (WaitForEvent()) {
      Drain(sending);
    }
  }
  Drain(sending);
  absl::MutexLock lock(&mutex_);
  dropped_ += static_cast<std::int64_t>(queue_.size());
  queue_.clear();
}

void EventSender::Drain(const Context& context) {
  while (context.Check("send events").ok()) {
    std::optional<Event> event;
    {
      absl::MutexLock lock(&mutex_);
      if (queue_.empty()) {
        return;
      }
      event = std::move(queue_.front());
      queue_.pop_front();
    }
    const Status sent = Send(context.WithTimeout(kSendTimeout), *event);
    if (!sent.ok()) {
      CountDropped(1);
      LogWarn("an Event could not be written",
              {{"reason", event->reason}, {"error", Message(sent)}});
    }
  }
}

Status EventSender::Send(const Context& context, const Event& event) {
  const EventFilter::Decision decision = filter_.Decide(event);
  switch (decision.action) {
    case EventFilter::Decision::Action::kDrop:
      CountDropped(1);
      return OkStatus();
    case EventFilter::Decision::Action::kCreate:
      return CreateObject(context, event);
    case EventFilter::Decision::Action::kCount:
      return CountInObject(context, event, decision);
  }
  return OkStatus();
}

Status EventSender::CreateObject(const Context& context, const Event& event) {
  const WallTime now = clock_.Wall();
  const std::string time = FormatTime(now);
  const std::string name = NewName(event, now);
  Json object = {{"apiVersion", kVersion1},
                 {"kind", "Event"},
                 {"metadata", {{"name", name}, {"namespace", NamespaceOf(event)}}},
                 {"involvedObject", ReferenceJson(event.regarding)},
                 {"type", event.is_warning ? "Warning" : "Normal"},
                 {"reason", event.reason},
                 {"message", event.message},
                 {"source", {{"component", options_.component}}},
                 {"reportingComponent", options_.component},
                 {"reportingInstance", options_.instance},
                 {"firstTimestamp", time},
                 {"lastTimestamp", time},
                 {"count", 1}};
  if (!options_.instance.empty()) {
    object["source"]["host"] = options_.instance;
  }
  RETURN_IF_ERROR(client_.Create(context, kEvents, object).status());
  filter_.Created(event, name);
  return OkStatus();
}

Status EventSender::CountInObject(const Context& context,
                                  const Event& event,
                                  const EventFilter::Decision& decision) {
  const Json patch = {{"count", decision.count}, {"lastTimestamp", FormatTime(clock_.Wall())}};
  Status status =
      client_.Patch(context, kEvents, {.ns = NamespaceOf(event), .name = decision.name}, patch, {})
          .status();
  if (status.code() != Code::kNotFound) {
    return status;
  }
  // The API server forgets Events after an hour (--event-ttl), or somebody removed it.
  filter_.Lost(event);
  return CreateObject(context, event);
}

}  // namespace rbdcrypt::k8s
