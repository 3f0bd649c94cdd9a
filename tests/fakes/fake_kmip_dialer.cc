// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/fakes/fake_kmip_dialer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "kmip/ttlv_reader.h"
#include "net/arrival.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::chrono::milliseconds kTick(10);
constexpr int kMostTicks = 100'000;

// Lets the caller's limit come, which there must be.
Status AwaitLimit(const Context& context, std::string_view next) {
  for (int tick = 0; tick < kMostTicks; ++tick) {
    RETURN_IF_ERROR(context.Check(next));
    context.clock().SleepUntil(context.clock().Now() +
                               std::min<std::chrono::nanoseconds>(context.TimeLeft(), kTick));
  }
  CheckFailed("a call to a silent server has a limit");
}

}  // namespace

class FakeKmipDialer::Stream final : public net::ByteStream {
 public:
  Stream(FakeKmipDialer& dialer, int era) : dialer_(dialer), era_(era) { dialer_.Opened(); }

  ~Stream() override { dialer_.Closed(); }

  Status Write(const Context& context, std::span<const std::byte> bytes) override;
  Result<std::size_t> Read(const Context& context, std::span<std::byte> buffer) override;

  bool IsQuiet() override { return !dialer_.HasEnded(era_) && outbox_.empty() && !is_ended_; }

 private:
  // What the server does with a message that came in whole.
  Status Serve();

  Status Lost() const { return Unavailable(dialer_.address() + ": connection lost"); }

  Status Refused() const {
    return InvalidArgument(dialer_.address() + ": the server refuses our certificate");
  }

  FakeKmipDialer& dialer_;
  const int era_;
  std::vector<std::byte> inbox_;
  std::vector<std::byte> outbox_;
  // Nothing comes behind the outbox: 0 is read then.
  bool is_ended_ = false;
  std::optional<Fault> fault_;
};

Status FakeKmipDialer::Stream::Write(const Context& context, std::span<const std::byte> bytes) {
  RETURN_IF_ERROR(context.Check("send to " + dialer_.address()));
  // What is written to a connection that the other end has closed goes out all the same.
  if (dialer_.HasEnded(era_)) {
    is_ended_ = true;
    return OkStatus();
  }
  if (!inbox_.empty()) {
    dialer_.CountSplit();
  }
  inbox_.insert(inbox_.end(), bytes.begin(), bytes.end());
  if (inbox_.size() < kmip::kItemHeaderBytes) {
    return OkStatus();
  }
  const auto size = kmip::TtlvView::MessageBytes(std::span(inbox_).first(kmip::kItemHeaderBytes),
                                                 kmip::Tag::kRequestMessage);
  RBDCRYPT_CHECK(size.ok() && inbox_.size() <= *size);
  return inbox_.size() == *size ? Serve() : OkStatus();
}

Status FakeKmipDialer::Stream::Serve() {
  const std::vector<std::byte> message = std::exchange(inbox_, {});
  fault_ = dialer_.CountRequest();
  is_ended_ = fault_ == Fault::kWriteFails || fault_ == Fault::kClosedBefore ||
              fault_ == Fault::kRefusesOurs;
  if (is_ended_) {
    return fault_ == Fault::kWriteFails ? Lost() : OkStatus();
  }
  outbox_ = dialer_.server_.Answer(message);
  if (fault_ == Fault::kHalfAnswer) {
    outbox_.resize(outbox_.size() / 2);
  }
  if (fault_ == Fault::kLostAfter || fault_ == Fault::kClosedAfter || fault_ == Fault::kSilent) {
    outbox_.clear();
  }
  is_ended_ = fault_ == Fault::kHalfAnswer || fault_ == Fault::kClosedAfter;
  return OkStatus();
}

Result<std::size_t> FakeKmipDialer::Stream::Read(const Context& context,
                                                 std::span<std::byte> buffer) {
  const std::string next = "read from " + dialer_.address();
  RETURN_IF_ERROR(context.Check(next));
  if (fault_ == Fault::kRefusesOurs) {
    return Refused();
  }
  if (fault_ == Fault::kLostAfter) {
    return Lost();
  }
  if (outbox_.empty() && (is_ended_ || dialer_.HasEnded(era_))) {
    return 0U;
  }
  if (outbox_.empty()) {
    return AwaitLimit(context, next);
  }
  std::size_t size = std::min(outbox_.size(), buffer.size());
  if (fault_ == Fault::kDrips) {
    size = 1;
    context.clock().SleepUntil(context.clock().Now() + std::chrono::seconds(1));
    RETURN_IF_ERROR(context.Check(next));
  }
  std::copy_n(outbox_.begin(), size, buffer.begin());
  outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

Result<std::unique_ptr<net::ByteStream>> FakeKmipDialer::Dial(const Context& context) {
  RETURN_IF_ERROR(context.Check("connect to " + address_));
  int era = 0;
  const std::optional<DialFault> fault = CountDial(era);
  if (!fault.has_value()) {
    return std::make_unique<Stream>(*this, era);
  }
  switch (*fault) {
    case DialFault::kRefused:
      return net::NeverArrived(Unavailable(address_ + ": connection refused"));
    case DialFault::kSilent:
      return net::NeverArrived(AwaitLimit(context, "shake hands with " + address_));
    case DialFault::kWrongCertificate:
      return net::NeverArrived(
          InvalidArgument(address_ + ": the server's certificate does not verify"));
    case DialFault::kRefusesOurs:
      return net::NeverArrived(InvalidArgument(address_ + ": the server refuses our certificate"));
    case DialFault::kNoTls:
      break;
  }
  return net::NeverArrived(DataLoss(address_ + ": what answers speaks no TLS"));
}

void FakeKmipDialer::FailDial(int nth, DialFault fault) {
  absl::MutexLock lock(&mutex_);
  dial_faults_[dials_ + nth] = fault;
}

void FakeKmipDialer::FailDials(std::optional<DialFault> fault) {
  absl::MutexLock lock(&mutex_);
  every_dial_ = fault;
}

void FakeKmipDialer::FailRequest(int nth, Fault fault) {
  absl::MutexLock lock(&mutex_);
  faults_[requests_ + nth] = fault;
}

void FakeKmipDialer::FailRequests(std::optional<Fault> fault) {
  absl::MutexLock lock(&mutex_);
  every_request_ = fault;
}

void FakeKmipDialer::CloseStreams() {
  absl::MutexLock lock(&mutex_);
  ++era_;
}

void FakeKmipDialer::SetDown(bool is_down) {
  FailDials(is_down ? std::optional(DialFault::kRefused) : std::nullopt);
  if (is_down) {
    CloseStreams();
  }
}

int FakeKmipDialer::dials() const {
  absl::MutexLock lock(&mutex_);
  return dials_;
}

int FakeKmipDialer::open_streams() const {
  absl::MutexLock lock(&mutex_);
  return open_;
}

int FakeKmipDialer::split_messages() const {
  absl::MutexLock lock(&mutex_);
  return split_;
}

std::optional<FakeKmipDialer::DialFault> FakeKmipDialer::CountDial(int& era) {
  absl::MutexLock lock(&mutex_);
  era = era_;
  const auto planned = dial_faults_.find(++dials_);
  return planned != dial_faults_.end() ? std::optional(planned->second) : every_dial_;
}

std::optional<FakeKmipDialer::Fault> FakeKmipDialer::CountRequest() {
  absl::MutexLock lock(&mutex_);
  const auto planned = faults_.find(++requests_);
  return planned != faults_.end() ? std::optional(planned->second) : every_request_;
}

bool FakeKmipDialer::HasEnded(int era) const {
  absl::MutexLock lock(&mutex_);
  return era != era_;
}

void FakeKmipDialer::Opened() {
  absl::MutexLock lock(&mutex_);
  ++open_;
}

void FakeKmipDialer::Closed() {
  absl::MutexLock lock(&mutex_);
  --open_;
}

void FakeKmipDialer::CountSplit() {
  absl::MutexLock lock(&mutex_);
  ++split_;
}

}  // namespace rbdcrypt::testing
