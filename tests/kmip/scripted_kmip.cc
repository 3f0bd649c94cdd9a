// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/kmip/scripted_kmip.h"

#include <algorithm>

#include "net/arrival.h"

namespace rbdcrypt::testing {

using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;

Bytes AnswerTo(const TtlvView& request, const std::function<void(TtlvWriter& item)>& write_item) {
  const TtlvView item = *request.Structure(Tag::kBatchItem);
  TtlvWriter writer;
  writer.Begin(Tag::kResponseMessage)
      .Begin(Tag::kResponseHeader)
      .Begin(Tag::kProtocolVersion)
      .Integer(Tag::kProtocolVersionMajor, 1)
      .Integer(Tag::kProtocolVersionMinor, 4)
      .End()
      .DateTime(Tag::kTimeStamp, 0)
      .Integer(Tag::kBatchCount, 1)
      .End()
      .Begin(Tag::kBatchItem)
      .Enumeration(Tag::kOperation, *item.Enumeration(Tag::kOperation))
      .Bytes(Tag::kUniqueBatchItemId, *item.Bytes(Tag::kUniqueBatchItemId));
  write_item(writer);
  const Secret message = std::move(writer.End().End()).Take();
  return {message.Reveal().begin(), message.Reveal().end()};
}

Bytes SuccessTo(const TtlvView& request) {
  return AnswerTo(request, [](TtlvWriter& item) {
    item.Enum(Tag::kResultStatus, kmip::ResultStatus::kSuccess).Begin(Tag::kResponsePayload).End();
  });
}

Bytes FailureTo(const TtlvView& request, kmip::ResultReason reason) {
  return AnswerTo(request, [reason](TtlvWriter& item) {
    item.Enum(Tag::kResultStatus, kmip::ResultStatus::kOperationFailed)
        .Enum(Tag::kResultReason, reason)
        .Text(Tag::kResultMessage, "told to fail");
  });
}

class ScriptedKmip::Stream final : public net::ByteStream {
 public:
  explicit Stream(ScriptedKmip& server) : server_(server) {
    const int open = ++server_.open_;
    int most = server_.most_open_;
    while (most < open && !server_.most_open_.compare_exchange_weak(most, open)) {
    }
  }

  ~Stream() override { --server_.open_; }

  Status Write(const Context& context, std::span<const std::byte> bytes) override {
    RETURN_IF_ERROR(context.Check("write"));
    RETURN_IF_ERROR(server_.on_write());
    ++server_.requests_;
    for (Piece& piece : server_.reply(*TtlvView::Parse(bytes))) {
      pieces_.push_back(std::move(piece));
    }
    return OkStatus();
  }

  Result<std::size_t> Read(const Context& context, std::span<std::byte> buffer) override {
    const bool is_silent = pieces_.empty() || pieces_.front().kind == Piece::Kind::kSilence;
    if (is_silent) {
      context.clock().SleepUntil(
          context.clock().Now() +
          std::chrono::duration_cast<Clock::TimePoint::duration>(context.TimeLeft()));
    }
    RETURN_IF_ERROR(context.Check("read"));
    Piece& piece = pieces_.front();
    if (piece.kind == Piece::Kind::kError) {
      return piece.error;
    }
    const std::size_t size = std::min(buffer.size(), piece.bytes.size());
    std::copy_n(piece.bytes.begin(), size, buffer.begin());
    piece.bytes.erase(piece.bytes.begin(), piece.bytes.begin() + static_cast<std::ptrdiff_t>(size));
    if (piece.bytes.empty() && piece.kind == Piece::Kind::kBytes) {
      pieces_.pop_front();
    }
    return size;
  }

  bool IsQuiet() override { return server_.is_quiet && pieces_.empty(); }

 private:
  ScriptedKmip& server_;
  std::deque<Piece> pieces_;
};

class ScriptedKmip::DialerToIt final : public net::Dialer {
 public:
  DialerToIt(ScriptedKmip& server, std::string address)
      : server_(server), address_(std::move(address)) {}

  Result<std::unique_ptr<net::ByteStream>> Dial(const Context& context) override {
    ++server_.dials_;
    if (const Status status = context.Check("dial"); !status.ok()) {
      return net::NeverArrived(status);
    }
    if (const Status status = server_.on_dial(); !status.ok()) {
      return net::NeverArrived(status);
    }
    return std::make_unique<Stream>(server_);
  }

  const std::string& address() const override { return address_; }

 private:
  ScriptedKmip& server_;
  const std::string address_;
};

ScriptedKmip::ScriptedKmip()
    : reply([](const TtlvView& request) { return std::vector<Piece>{Sends(SuccessTo(request))}; }) {
}

std::unique_ptr<net::Dialer> ScriptedKmip::Dialer(std::string address) {
  return std::make_unique<DialerToIt>(*this, std::move(address));
}

}  // namespace rbdcrypt::testing
