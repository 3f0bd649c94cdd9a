// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "net/file_stamp.h"
#include "net/http_client.h"

namespace rbdcrypt::net {

// An HttpClient that is made anew when one of the files changes that it was made of: certificates
// and keys that somebody renews. Thread safe.
//
// The files are looked at before each request. While no client can be made of them, as amid their
// replacement, that of before is used, and the next request tries again. What is under way goes on
// with the client that it began with.
class RenewedHttpClient final : public HttpClient {
 public:
  // Makes a client of what the files hold now; for the same address each time.
  using Make = std::function<Result<std::unique_ptr<HttpClient>>()>;

  // Errors of `make`, which is called at once.
  static Result<std::unique_ptr<RenewedHttpClient>> New(std::vector<std::string> files, Make make);

  Result<HttpAnswer> Send(const Context& context, const HttpRequest& request) override {
    return Current()->Send(context, request);
  }

  Result<HttpAnswer> Stream(
      const Context& context,
      const HttpRequest& request,
      const std::function<Status(std::span<const std::byte>)>& sink) override {
    return Current()->Stream(context, request, sink);
  }

  const std::string& address() const override { return address_; }

 private:
  RenewedHttpClient(std::vector<std::string> files,
                    Make make,
                    std::vector<FileStamp> stamps,
                    std::shared_ptr<HttpClient> client);

  std::shared_ptr<HttpClient> Current();

  const std::vector<std::string> files_;
  const Make make_;
  const std::string address_;
  absl::Mutex mutex_;
  // Of the files that the client is made of, and of those that the log says it could not be.
  std::vector<FileStamp> stamps_ ABSL_GUARDED_BY(mutex_);
  std::vector<FileStamp> reported_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<HttpClient> client_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rbdcrypt::net
