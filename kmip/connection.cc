// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "kmip/reasons.h"
#include "kmip/tags.h"
#include "kmip/time_out.h"
#include "kmip/ttlv_reader.h"
#include "net/arrival.h"

namespace rbdcrypt::kmip {

Connection::Connection(std::unique_ptr<net::ByteStream> stream,
                       std::string server,
                       Timeouts timeouts,
                       Clock::TimePoint now)
    : stream_(std::move(stream)), server_(std::move(server)), timeouts_(timeouts), used_at_(now) {}

Result<Answer> Connection::Ask(const Context& context, const Request& request, Version version) {
  RBDCRYPT_CHECK(state_ == State::kGood);
  const Result<ItemId> id = NewItemId();
  if (!id.ok()) {
    return net::NeverArrived(id.status());
  }
  state_ = State::kBroken;
  has_begun_ = false;
  RETURN_IF_ERROR(Send(context, EncodeRequest(request, version, *id)));
  ASSIGN_OR_RETURN(Secret message, Receive(context));
  return Accept(DecodeAnswer(std::move(message), request, version, *id), context.clock().Now());
}

Result<Answer> Connection::Accept(Result<Answer> answer, Clock::TimePoint now) {
  // A failure without a reason, or work that is to be done later, is not of the protocol either.
  if (answer.ok() || ReasonOf(answer.status()).has_value()) {
    state_ = State::kGood;
    has_answered_ = true;
    used_at_ = now;
  }
  if (!answer.ok()) {
    return Annotate(answer.status(), server_);
  }
  return answer;
}

Status Connection::Send(const Context& context, const Secret& message) {
  const Status status = stream_->Write(context.WithTimeout(timeouts_.write), message.Reveal());
  Blame(status);
  if (status.ok()) {
    return status;
  }
  // A server cannot act upon a message whose end it did not get.
  return net::NeverArrived(ServersTimeOut(
      status, context,
      Cat(server_, " did not take a request within ", timeouts_.write.count(), " ms")));
}

Result<Secret> Connection::Receive(const Context& context) {
  const Context limited = context.WithTimeout(timeouts_.read);
  const std::string late =
      Cat(server_, " gave no whole answer within ", timeouts_.read.count(), " ms");
  std::array<std::byte, kItemHeaderBytes> header{};
  RETURN_IF_ERROR(ServersTimeOut(Fill(limited, header), context, late));
  const Result<std::size_t> size = TtlvView::MessageBytes(header, Tag::kResponseMessage);
  if (!size.ok()) {
    return Annotate(size.status(), server_);
  }
  Secret message(*size);
  std::ranges::copy(header, message.MutableBytes().begin());
  RETURN_IF_ERROR(
      ServersTimeOut(Fill(limited, message.MutableBytes().subspan(header.size())), context, late));
  return message;
}

Status Connection::Fill(const Context& context, std::span<std::byte> buffer) {
  while (!buffer.empty()) {
    // The stream looks at the time only while it has to wait.
    RETURN_IF_ERROR(context.Check(Cat("read on from ", server_)));
    const Result<std::size_t> read = stream_->Read(context, buffer);
    const Status status =
        read.ok() && *read == 0
            ? Unavailable(Cat(server_, has_begun_ ? " ended the connection within an answer"
                                                  : " ended the connection without an answer"))
            : read.status();
    Blame(status);
    RETURN_IF_ERROR(status);
    has_begun_ = true;
    buffer = buffer.subspan(*read);
  }
  return OkStatus();
}

void Connection::Blame(const Status& status) {
  if (status.code() == Code::kUnavailable && !has_begun_) {
    state_ = State::kLost;
  }
}

}  // namespace rbdcrypt::kmip
