// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_http_client.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/strings.h"
#include "net/curl_memory.h"

namespace rbdcrypt::net {
namespace {

std::string Bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : Cat("[", host, "]");
}

// As libcurl would say it: the port only where it is not the scheme's own.
std::string HostHeader(const Url& address) {
  const bool is_usual = address.port == (address.scheme == "https" ? 443 : 80);
  return is_usual ? Bracketed(address.host) : Cat(Bracketed(address.host), ":", address.port);
}

// The address under which a TLS server is to show itself.
Result<Url> Named(const Url& address, const TlsOptions& tls) {
  if (tls.server_name.empty() || address.scheme != "https") {
    return address;
  }
  const auto parsed = ParseUrl(Cat("https://", Bracketed(tls.server_name)));
  if (!parsed.ok() || Bracketed(parsed->host).size() != Bracketed(tls.server_name).size()) {
    return InvalidArgument(
        Cat(address.Text(), ": the TLS server name configured for it is no name of a host"));
  }
  Url named = address;
  named.host = parsed->host;
  return named;
}

}  // namespace

Result<std::unique_ptr<CurlHttpClient>> CurlHttpClient::New(const Url& address, Options options) {
  InitCurl();
  if (!options.proxy.empty()) {
    const auto proxy = ParseUrl(options.proxy);
    if (!proxy.ok()) {
      return Annotate(proxy.status(), Cat("the proxy for ", address.Text()));
    }
  }
  ASSIGN_OR_RETURN(const Url named, Named(address, options.tls));
  CurlTarget target = {.base_url = named.Text(),
                       .text = address.Text(),
                       .connect_to = "",
                       .host_header = "",
                       .tls = std::move(options.tls),
                       .connect_timeout = options.connect_timeout,
                       .max_idle = options.max_idle,
                       .proxy = std::move(options.proxy)};
  if (named.host != address.host) {
    target.connect_to = Cat(Bracketed(named.host), ":", named.port, ":", Bracketed(address.host),
                            ":", address.port);
    target.host_header = HostHeader(address);
  }
  Clock& clock = options.clock == nullptr ? SystemClock() : *options.clock;
  return std::unique_ptr<CurlHttpClient>(
      new CurlHttpClient(std::move(target), options.max_kept_connections, clock));
}

CurlHttpClient::CurlHttpClient(CurlTarget target, std::size_t max_kept_connections, Clock& clock)
    : target_(std::move(target)), max_kept_connections_(max_kept_connections), clock_(clock) {}

Result<HttpAnswer> CurlHttpClient::Send(const Context& context, const HttpRequest& request) {
  return Perform(context, request, nullptr);
}

Result<HttpAnswer> CurlHttpClient::Stream(
    const Context& context,
    const HttpRequest& request,
    const std::function<Status(std::span<const std::byte>)>& sink) {
  return Perform(context, request, &sink);
}

Result<HttpAnswer> CurlHttpClient::Perform(const Context& context,
                                           const HttpRequest& request,
                                           const BodySink* sink) {
  std::unique_ptr<CurlTransfer> transfer = Take();
  Result<HttpAnswer> answer = transfer->Perform(context, request, sink);
  GiveBack(std::move(transfer));
  return answer;
}

std::unique_ptr<CurlTransfer> CurlHttpClient::Take() {
  {
    const absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<CurlTransfer> transfer = std::move(idle_.back().transfer);
      idle_.pop_back();
      return transfer;
    }
  }
  return std::make_unique<CurlTransfer>(target_);
}

// What is one too many, or too old, is closed behind the lock: that may wait for the network.
void CurlHttpClient::GiveBack(std::unique_ptr<CurlTransfer> transfer) {
  std::vector<Idle> old;
  const absl::MutexLock lock(&mutex_);
  old = TakeOld();
  if (idle_.size() < max_kept_connections_) {
    idle_.push_back({.transfer = std::move(transfer), .since = clock_.Now()});
  }
}

std::vector<CurlHttpClient::Idle> CurlHttpClient::TakeOld() {
  const Clock::TimePoint limit = clock_.Now() - target_.max_idle;
  const auto young = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const Idle& idle) { return idle.since >= limit; });
  std::vector<Idle> old(std::make_move_iterator(idle_.begin()), std::make_move_iterator(young));
  idle_.erase(idle_.begin(), young);
  return old;
}

}  // namespace rbdcrypt::net
