// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_transfer.h"

#include <algorithm>
#include <climits>
#include <utility>

#include "base/strings.h"
#include "net/curl_errors.h"
#include "net/curl_request.h"

namespace rbdcrypt::net {
namespace {

// An answer has a few hundred bytes of them; libcurl by itself allows 100 KiB in each line.
constexpr std::size_t kMaxHeaderBytes = std::size_t{128} * 1024;

// The least that libcurl accepts. Bodies of ours that are longer take several turns.
constexpr long kUploadBufferBytes = 16L * 1024;

// Where a TLS context keeps the CurlTransfer that it belongs to.
int TransferIndex() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// In whole milliseconds, not below 1; 0, which is none to libcurl, where there is no deadline.
long TimeoutMilliseconds(const Context& context) {
  const auto left = context.TimeLeft();
  if (left == std::chrono::nanoseconds::max()) {
    return 0;
  }
  return std::clamp<long>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), 1, INT_MAX);
}

}  // namespace

CurlTransfer::CurlTransfer(const CurlTarget& target) : target_(target), easy_(curl_easy_init()) {
  RBDCRYPT_CHECK(easy_ != nullptr);
}

Result<HttpAnswer> CurlTransfer::Perform(const Context& context,
                                         const HttpRequest& request,
                                         const BodySink* sink) {
  Status ready = CheckRequest(request);
  if (ready.ok()) {
    ready = context.Check(Cat("a request to ", target_.text));
  }
  if (!ready.ok()) {
    return NeverArrived(std::move(ready));
  }
  Exchange exchange = {.context = context,
                       .request = request,
                       .sink = sink,
                       .body = BodyBuffer(request.has_public_answer)};
  exchange_ = &exchange;
  CurlHeaders headers(request, target_.host_header);
  SetConnection();
  SetTls();
  SetRequest(request);
  Set(CURLOPT_HTTPHEADER, headers.get());
  SetLimits();
  SetCallbacks();
  CHandle<curl_slist, curl_slist_free_all> connect_to;
  if (!target_.connect_to.empty()) {
    connect_to.reset(curl_slist_append(nullptr, target_.connect_to.c_str()));
    Set(CURLOPT_CONNECT_TO, connect_to.get());
  }
  const Status outcome = Outcome(curl_easy_perform(easy_.get()));
  // Keeps the connection and forgets all pointers to what ends here.
  curl_easy_reset(easy_.get());
  exchange_ = nullptr;
  RETURN_IF_ERROR(outcome);
  exchange.body.MoveTo(exchange.answer);
  return std::move(exchange.answer);
}

template <typename Value>
void CurlTransfer::Set(CURLoption option, Value value) {
  // Fails for an option that this libcurl was built without, and where there is no memory.
  RBDCRYPT_CHECK(curl_easy_setopt(easy_.get(), option, value) == CURLE_OK);
}

// The bytes stay where they are: the target outlives the transfer.
void CurlTransfer::SetBlob(CURLoption option, std::string_view data) {
  curl_blob blob = {
      .data = const_cast<char*>(data.data()), .len = data.size(), .flags = CURL_BLOB_NOCOPY};
  Set(option, &blob);
}

void CurlTransfer::SetConnection() {
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_PROTOCOLS_STR, target_.base_url.starts_with("https:") ? "https" : "http");
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  // Set, even to "", so that the environment's are not asked.
  Set(CURLOPT_PROXY, target_.proxy.c_str());
  Set(CURLOPT_NOPROXY, "");
  // A proxy's answer to CONNECT is none of the server's.
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  Set(CURLOPT_MAXCONNECTS, 1L);
  // libcurl takes and, here, wipes one for each request; by itself of 64 KiB.
  Set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
  Set(CURLOPT_MAXAGE_CONN, static_cast<long>(target_.max_idle.count()));
  // A peer that is gone without a word is noticed, if late, even where nothing is to be sent.
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
}

void CurlTransfer::SetTls() {
  const TlsOptions& tls = target_.tls;
  Set(CURLOPT_SSLVERSION,
      static_cast<long>(tls.min_version == TlsVersion::k13 ? CURL_SSLVERSION_TLSv1_3
                                                           : CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_SSL_VERIFYPEER, tls.verify ? 1L : 0L);
  Set(CURLOPT_SSL_VERIFYHOST, tls.verify ? 2L : 0L);
  if (!tls.ca_pem.empty()) {
    // Else the system's would be trusted beside them.
    Set(CURLOPT_CAINFO, nullptr);
    Set(CURLOPT_CAPATH, nullptr);
    SetBlob(CURLOPT_CAINFO_BLOB, tls.ca_pem);
  }
  if (tls.client) {
    SetBlob(CURLOPT_SSLCERT_BLOB, tls.client->certificate_pem);
    SetBlob(CURLOPT_SSLKEY_BLOB, tls.client->key_pem.RevealText());
    // Else OpenSSL asks at the terminal for the password of an encrypted key.
    Set(CURLOPT_KEYPASSWD, "");
  }
  Set(CURLOPT_SSL_CTX_FUNCTION, &OnTlsContext);
  Set(CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));
}

void CurlTransfer::SetRequest(const HttpRequest& request) {
  Set(CURLOPT_URL, Cat(target_.base_url, "/", request.target).c_str());
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_USERAGENT, "rbdcrypt");
  if (HasBody(request)) {
    const std::string_view body = request.body.RevealText();
    Set(CURLOPT_POSTFIELDS, body.empty() ? "" : body.data());
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (request.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
  }
  Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

void CurlTransfer::SetLimits() {
  const long timeout = TimeoutMilliseconds(exchange_->context);
  const long connect_timeout = std::clamp<long>(target_.connect_timeout.count(), 1, INT_MAX);
  exchange_->deadline_is_near = timeout > 0 && timeout <= connect_timeout;
  Set(CURLOPT_TIMEOUT_MS, timeout);
  Set(CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
}

void CurlTransfer::SetCallbacks() {
  void* const self = this;
  error_text_[0] = '\0';
  Set(CURLOPT_ERRORBUFFER, error_text_.data());
  Set(CURLOPT_HEADERFUNCTION, &OnHeader);
  Set(CURLOPT_HEADERDATA, self);
  Set(CURLOPT_WRITEFUNCTION, &OnBody);
  Set(CURLOPT_WRITEDATA, self);
  Set(CURLOPT_NOPROGRESS, 0L);
  Set(CURLOPT_XFERINFOFUNCTION, &OnProgress);
  Set(CURLOPT_XFERINFODATA, self);
  Set(CURLOPT_PREREQFUNCTION, &OnSend);
  Set(CURLOPT_PREREQDATA, self);
}

std::size_t CurlTransfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  auto* const transfer = static_cast<CurlTransfer*>(self);
  Status& failure = transfer->exchange_->failure;
  failure = transfer->TakeHeader(std::string_view(data, size * count));
  return failure.ok() ? size * count : 0;
}

std::size_t CurlTransfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  auto* const transfer = static_cast<CurlTransfer*>(self);
  Status& failure = transfer->exchange_->failure;
  failure = transfer->TakeBody(std::as_bytes(std::span(data, size * count)));
  return failure.ok() ? size * count : 0;
}

// Called about once a second, and whenever anything was sent or received.
int CurlTransfer::OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto* const transfer = static_cast<CurlTransfer*>(self);
  Exchange& exchange = *transfer->exchange_;
  if (exchange.failure.ok()) {
    exchange.failure =
        exchange.context.Check(Cat("the whole answer of ", transfer->target_.text, " came"));
  }
  return exchange.failure.ok() ? 0 : 1;
}

// Called each time libcurl has a connection and is about to send the request over it.
int CurlTransfer::OnSend(void* self, char*, char*, int, int) {
  const auto* const transfer = static_cast<CurlTransfer*>(self);
  Exchange& exchange = *transfer->exchange_;
  if (exchange.sends > 0 && !MayBeRepeated(exchange.request)) {
    exchange.failure = Unavailable(
        Cat(transfer->target_.text,
            ": the server closed a kept connection before it answered; whether it acted on the "
            "request is not known"));
    return CURL_PREREQFUNC_ABORT;
  }
  ++exchange.sends;
  return CURL_PREREQFUNC_OK;
}

CURLcode CurlTransfer::OnTlsContext(CURL*, void* tls_context, void* self) {
  auto* const context = static_cast<SSL_CTX*>(tls_context);
  static_cast<CurlTransfer*>(self)->exchange_->has_handshake = true;
  // What was read leaves no copy in the buffer of the record.
  SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
  SSL_CTX_set_ex_data(context, TransferIndex(), self);
  SSL_CTX_set_info_callback(context, &OnTlsEvent);
  return CURLE_OK;
}

// `value` of an alert is its level and its description, a byte each. libcurl looks at the first
// error in OpenSSL's queue only, which for a CA of the right name and another key is one of ASN.1.
void CurlTransfer::OnTlsEvent(const SSL* connection, int where, int value) {
  if ((where & SSL_CB_ALERT) == 0 || value >> 8 != SSL3_AL_FATAL) {
    return;
  }
  const auto* const transfer =
      static_cast<CurlTransfer*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), TransferIndex()));
  Exchange* const exchange = transfer->exchange_;
  if (exchange == nullptr || !exchange->has_handshake) {
    return;
  }
  if ((where & SSL_CB_READ) != 0) {
    exchange->fatal_alert = value & 0xff;
  } else if (transfer->target_.tls.verify) {
    exchange->verify_error = SSL_get_verify_result(connection);
  }
}

Status CurlTransfer::TakeHeader(std::string_view line) {
  Exchange& exchange = *exchange_;
  exchange.header_bytes += line.size();
  if (exchange.header_bytes > kMaxHeaderBytes) {
    return DataLoss(
        Cat(target_.text, ": the answer has more than ", kMaxHeaderBytes, " bytes of headers"));
  }
  if (line.starts_with("HTTP/")) {
    // Of the next answer: those of an interim one (100, 103) say nothing here.
    exchange.answer.headers.clear();
    exchange.has_all_headers = false;
    return OkStatus();
  }
  if (Trim(line).empty()) {
    return TakeLastHeader();
  }
  const std::size_t colon = line.find(':');
  // Else it is the continuation of a folded one.
  if (colon != std::string_view::npos && Trim(line.substr(0, 1)) == line.substr(0, 1)) {
    exchange.answer.headers.push_back({.name = std::string(line.substr(0, colon)),
                                       .value = std::string(Trim(line.substr(colon + 1)))});
  }
  return OkStatus();
}

Status CurlTransfer::TakeLastHeader() {
  Exchange& exchange = *exchange_;
  const bool is_first = !std::exchange(exchange.has_all_headers, true);
  // Trailers behind a chunked body have an end, too.
  if (is_first && exchange.sink != nullptr && StatusSoFar() / 100 == 2) {
    return (*exchange.sink)({});
  }
  return OkStatus();
}

Status CurlTransfer::TakeBody(std::span<const std::byte> bytes) {
  Exchange& exchange = *exchange_;
  if (exchange.sink != nullptr && StatusSoFar() / 100 == 2) {
    return (*exchange.sink)(bytes);
  }
  const std::size_t limit = exchange.request.max_answer_bytes;
  if (bytes.size() > limit - exchange.body.size()) {
    return DataLoss(Cat(target_.text, ": the answer is longer than the ", limit, " bytes allowed"));
  }
  if (exchange.body.size() == 0) {
    curl_off_t length = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    exchange.body.Reserve(
        std::min(limit, static_cast<std::size_t>(std::max<curl_off_t>(length, 0))));
  }
  exchange.body.Append(bytes);
  return OkStatus();
}

long CurlTransfer::StatusSoFar() const {
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  return status;
}

Status CurlTransfer::Outcome(CURLcode code) const {
  Exchange& exchange = *exchange_;
  if (!exchange.failure.ok()) {
    return exchange.sends > 0 ? exchange.failure : NeverArrived(exchange.failure);
  }
  if (code != CURLE_OK) {
    return FromCurl({.code = code,
                     .server = target_.text,
                     .detail = error_text_.data(),
                     .sent = exchange.sends > 0,
                     .deadline_is_near = exchange.deadline_is_near,
                     .fatal_alert = exchange.fatal_alert,
                     .verify_error = exchange.verify_error});
  }
  if (!exchange.has_all_headers) {
    return Unavailable(Cat(target_.text, ": the connection was closed amid the answer's headers"));
  }
  const long status = StatusSoFar();
  if (status < 100 || status > 599) {
    return DataLoss(Cat(target_.text, ": the answer has the status ", status, ", which is none"));
  }
  exchange.answer.status = static_cast<int>(status);
  return OkStatus();
}

}  // namespace rbdcrypt::net
