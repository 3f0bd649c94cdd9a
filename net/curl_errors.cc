// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/curl_errors.h"

#include <openssl/x509_vfy.h>

#include "base/strings.h"
#include "net/arrival.h"
#include "net/tls_errors.h"

namespace rbdcrypt::net {
namespace {

std::string Describe(const CurlFailure& failure) {
  return Cat(
      failure.server, ": ",
      failure.detail.empty() ? std::string_view(curl_easy_strerror(failure.code)) : failure.detail);
}

Status TimedOut(const CurlFailure& failure) {
  if (failure.sent || failure.deadline_is_near) {
    return DeadlineExceeded(
        Cat(failure.server, ": the call's time ran out ",
            failure.sent ? "before the whole answer came" : "before there was a connection"));
  }
  return Unavailable(
      Cat(Describe(failure), ": is the server up, and does the network let this through?"));
}

// libcurl 7.88 calls it no memory when a header line is longer than its 100 KiB.
Status OutOfMemory(const CurlFailure& failure) {
  return failure.sent
             ? DataLoss(Cat(failure.server, ": the answer has headers longer than allowed"))
             : Unavailable(Describe(failure));
}

// libcurl has no code of its own for a body that is not as its Transfer-Encoding says.
Status LostInTransfer(const CurlFailure& failure) {
  if (failure.detail.find("chunked-encoding") != std::string_view::npos) {
    return DataLoss(Cat(failure.server, ": the answer's body is not chunked as its headers say"));
  }
  return Unavailable(Describe(failure));
}

Status StatusOf(const CurlFailure& failure) {
  if (failure.verify_error != X509_V_OK) {
    return Unverified(failure.server, X509_verify_cert_error_string(failure.verify_error));
  }
  switch (failure.code) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
      return Unavailable(
          Cat(Describe(failure), ": look at the name, and at the resolver's answer"));
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
      return Unavailable(
          Cat(Describe(failure), ": is the server up, and does the network let this through?"));
    case CURLE_OPERATION_TIMEDOUT:
      return TimedOut(failure);
    case CURLE_PEER_FAILED_VERIFICATION:
      return Unverified(failure.server, failure.detail);
    case CURLE_SSL_CACERT_BADFILE:
      return InvalidArgument(
          Cat(failure.server, ": the CA certificate configured for it is not readable PEM"));
    case CURLE_SSL_CERTPROBLEM:
      return InvalidArgument(
          Cat(failure.server,
              ": the client certificate and key configured for it are not readable "
              "PEM, or do not belong together"));
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
      return InvalidArgument(Describe(failure));
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
      return DataLoss(Cat(failure.server,
                          ": what answered does not speak HTTP: look at the "
                          "address's scheme and port"));
    case CURLE_OUT_OF_MEMORY:
      return OutOfMemory(failure);
    case CURLE_RECV_ERROR:
      return LostInTransfer(failure);
    case CURLE_SSL_CONNECT_ERROR:
      return Unavailable(Cat(Describe(failure), ": does it speak TLS on that port?"));
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_INTERFACE_FAILED:
    case CURLE_NO_CONNECTION_AVAILABLE:
      return Unavailable(Describe(failure));
    default:
      return Internal(Describe(failure));
  }
}

}  // namespace

Status FromCurl(const CurlFailure& failure) {
  if (failure.fatal_alert && IsRefusal(*failure.fatal_alert)) {
    return NeverArrived(Refused(failure.server, *failure.fatal_alert));
  }
  Status status = StatusOf(failure);
  return failure.sent ? status : NeverArrived(std::move(status));
}

}  // namespace rbdcrypt::net
