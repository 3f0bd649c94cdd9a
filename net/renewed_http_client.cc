// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "net/renewed_http_client.h"

#include <utility>

#include "base/log.h"

namespace rbdcrypt::net {

Result<std::unique_ptr<RenewedHttpClient>> RenewedHttpClient::New(std::vector<std::string> files,
                                                                  Make make) {
  // Taken before the reading, so that a change in between is seen by the next request.
  std::vector<FileStamp> stamps = StampsOf(files);
  ASSIGN_OR_RETURN(std::shared_ptr<HttpClient> client, make());
  return std::unique_ptr<RenewedHttpClient>(new RenewedHttpClient(
      std::move(files), std::move(make), std::move(stamps), std::move(client)));
}

RenewedHttpClient::RenewedHttpClient(std::vector<std::string> files,
                                     Make make,
                                     std::vector<FileStamp> stamps,
                                     std::shared_ptr<HttpClient> client)
    : files_(std::move(files)),
      make_(std::move(make)),
      address_(client->address()),
      stamps_(std::move(stamps)),
      client_(std::move(client)) {}

std::shared_ptr<HttpClient> RenewedHttpClient::Current() {
  const absl::MutexLock lock(&mutex_);
  std::vector<FileStamp> stamps = StampsOf(files_);
  if (stamps == stamps_) {
    return client_;
  }
  Result<std::unique_ptr<HttpClient>> made = make_();
  if (made.ok()) {
    client_ = *std::move(made);
    stamps_ = std::move(stamps);
  } else if (stamps != reported_) {
    reported_ = std::move(stamps);
    LogWarn("unusable_renewed_certificates",
            {{"server", address_}, {"error", Message(made.status())}});
  }
  return client_;
}

}  // namespace rbdcrypt::net
