// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// bare_fetches: the least that fetches a secret: libcurl, one easy handle with a kept connection
// for each caller, the answer's bytes and nothing else. What dek_fetches is measured against.
//
// Standard input: a plan (rounds.h) whose targets are paths behind "address", with the file of a
// Vault token in "tokenFile" and the server's CA in "caFile". Standard output: as RunRounds().
#include <deque>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include <curl/curl.h>

#include "base/handle.h"
#include "base/strings.h"
#include "bench/rounds.h"

namespace rbdcrypt::bench {
namespace {

std::size_t Append(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

// The connection of one caller.
class Connection {
 public:
  Connection(const std::string& ca_file, curl_slist* headers) : easy_(curl_easy_init()) {
    curl_easy_setopt(easy_.get(), CURLOPT_NOSIGNAL, 1L);
    // What net/ speaks; by itself libcurl would choose HTTP/2.
    curl_easy_setopt(easy_.get(), CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy_.get(), CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(easy_.get(), CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &Append);
    curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, &body_);
  }

  Status Get(const std::string& url) {
    body_.clear();
    curl_easy_setopt(easy_.get(), CURLOPT_URL, url.c_str());
    const CURLcode code = curl_easy_perform(easy_.get());
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200 || body_.empty()) {
      return Unavailable(Cat(url, ": HTTP ", status, ", ", curl_easy_strerror(code)));
    }
    return OkStatus();
  }

 private:
  std::string body_;
  CHandle<CURL, curl_easy_cleanup> easy_;
};

Result<Json> Run() {
  ASSIGN_OR_RETURN(const Plan plan, ReadPlan(std::cin));
  std::ifstream file(plan.options.value("tokenFile", ""));
  const std::string token{std::istreambuf_iterator<char>(file), {}};
  CHandle<curl_slist, curl_slist_free_all> headers(
      curl_slist_append(nullptr, "X-Vault-Request: true"));
  curl_slist_append(headers.get(), Cat("X-Vault-Token: ", Trim(token)).c_str());
  // Where none of them moves: libcurl points into it.
  std::deque<Connection> connections;
  for (std::size_t i = 0; i < plan.callers; ++i) {
    connections.emplace_back(plan.options.value("caFile", ""), headers.get());
  }
  const std::string address = plan.options.value("address", "");
  return RunRounds(plan, [&](std::size_t caller, const std::string& target) {
    return connections[caller].Get(Cat(address, "/", target));
  });
}

}  // namespace
}  // namespace rbdcrypt::bench

int main() {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return rbdcrypt::bench::Print("bare_fetches", rbdcrypt::bench::Run());
}
