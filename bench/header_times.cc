// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// header_times COUNT: times our LUKS2 headers on images of the cluster that the environment of
// `dev/ceph env` names.
//
// Prints {"format": […], "open": […]}, seconds. Format: look at what the image holds, make a
// header, write it back, durable. Open: load it afresh and find the slot that the passphrase opens.
// Images are made before and removed after, outside of the times.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/json.h"
#include "base/secret.h"
#include "base/strings.h"
#include "rbd/luks/header.h"
#include "rbd/rados_connection.h"

namespace rbdcrypt::bench {
namespace {

using rbd::luks::Header;

constexpr std::uint64_t kImageBytes = 1ULL << 30;
constexpr std::uint64_t kLayering = 1;
// As long as the DEKs of ceph-csi, in base64.
constexpr std::string_view kPassphrase = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM=";

struct Times {
  std::vector<double> format;
  std::vector<double> open;
};

class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::unique_ptr<rbd::Connection>> Connect() {
  std::ifstream file(FromEnvironment("RBDCRYPT_CEPH_KEY_FILE"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return rbd::RadosConnection::Connect(
      {.monitors = {FromEnvironment("RBDCRYPT_MONITORS")}},
      {.user = FromEnvironment("RBDCRYPT_CEPH_USER"), .key = Secret(Trim(text))},
      {.config_path = ""});
}

Status Format(const Context& context, rbd::Image& image, const Secret& passphrase) {
  ASSIGN_OR_RETURN(const auto found, rbd::luks::InspectImage(context, image));
  ASSIGN_OR_RETURN(Header header, Header::Format(found, {}, passphrase));
  return header.WriteBack(context, image);
}

Status Open(const Context& context, rbd::Image& image, const Secret& passphrase) {
  ASSIGN_OR_RETURN(Header header, Header::Load(context, image));
  return header.TestPassphrase(context, passphrase).status();
}

Status MeasureOne(rbd::ImageStore& images, const std::string& name, Times& times) {
  const Context context = Context::Background();
  const Secret passphrase(kPassphrase);
  ASSIGN_OR_RETURN(const auto image, images.Open(name, rbd::OpenMode::kReadWrite));
  const Stopwatch format;
  RETURN_IF_ERROR(Format(context, *image, passphrase));
  times.format.push_back(format.Seconds());
  const Stopwatch open;
  RETURN_IF_ERROR(Open(context, *image, passphrase));
  times.open.push_back(open.Seconds());
  return OkStatus();
}

Status Remove(rbd::ImageStore& images, const std::string& name) {
  RETURN_IF_ERROR(images.MoveToTrash(name));
  ASSIGN_OR_RETURN(const auto trash, images.ListTrash());
  for (const auto& entry : trash) {
    if (entry.name == name) {
      return images.PurgeFromTrash(entry.id);
    }
  }
  return OkStatus();
}

Result<Times> Measure(int count) {
  ASSIGN_OR_RETURN(const auto connection, Connect());
  ASSIGN_OR_RETURN(const auto pool, connection->OpenPool(FromEnvironment("RBDCRYPT_POOL"), ""));
  Times times;
  for (int i = 0; i < count; ++i) {
    const std::string name = Cat("bench-header-", ::getpid(), "-", i);
    RETURN_IF_ERROR(
        pool->images().Create(name, {.size_bytes = kImageBytes, .features = kLayering}));
    const Status measured = MeasureOne(pool->images(), name, times);
    RETURN_IF_ERROR(Remove(pool->images(), name));
    RETURN_IF_ERROR(measured);
  }
  return times;
}

}  // namespace
}  // namespace rbdcrypt::bench

int main(int argc, char** argv) {
  const int count = argc == 2 ? std::atoi(argv[1]) : 0;
  if (count < 1) {
    std::cerr << "usage: header_times COUNT\n";
    return 2;
  }
  static_cast<void>(rbdcrypt::InitSecretHeap());
  const auto times = rbdcrypt::bench::Measure(count);
  if (!times.ok()) {
    std::cerr << "header_times: " << rbdcrypt::Message(times.status()) << "\n";
    return 1;
  }
  std::cout << rbdcrypt::Json({{"format", times->format}, {"open", times->open}}).dump() << "\n";
  return 0;
}
