// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// kmip_calls: wraps and unwraps DEKs at a KMIP server in this process, over TLS on loopback.
//
// Standard input: {"calls": 2000, "theirs": 200, "callers": 16}. Standard output:
//
//   "wrapCpu", "unwrapCpu"   seconds of CPU of the calling thread for each call, warm: the server
//                            has threads of its own, so none of its work is among them
//   "requests", "dials"      of the client, while those calls ran; "calls" both kinds together
//   "ours", "theirs"         seconds for an unwrap of ours, warm, and as ceph-csi does it:
//                            connect, TLS, Discover Versions, Decrypt, close (ceph-csi-compat 6.8)
//   "connections"            that the server has seen while as many callers unwrapped at once
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <time.h>

#include "base/json.h"
#include "base/strings.h"
#include "bench/rounds.h"
#include "kmip/connection.h"
#include "kmip/family.h"
#include "kmip/kmip_kms.h"
#include "kmip/messages.h"
#include "kmip/names.h"
#include "kmip/operations.h"
#include "kms/envelope.h"
#include "kms/registry.h"
#include "net/tls_dialer.h"
#include "tests/fakes/fake_kmip.h"
#include "tests/fakes/tls_server.h"
#include "tests/support/test_certificates.h"

namespace rbdcrypt::bench {
namespace {

using testing::FakeKmip;
using testing::TestCa;
using testing::TestCertificate;
using testing::TlsPeer;
using testing::TlsServer;

constexpr char kVolume[] = "0001-0009-rook-ceph-0000000000000001-bench";
constexpr char kKeyId[] = "1";

std::string_view Chars(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Answers one message after the other, until the client ends.
void ServeKmip(FakeKmip& server, TlsPeer& peer) {
  for (;;) {
    std::string message = peer.ReadExactly(kmip::kItemHeaderBytes);
    if (message.size() < kmip::kItemHeaderBytes) {
      return;
    }
    const auto size =
        kmip::TtlvView::MessageBytes(std::as_bytes(std::span(message)), kmip::Tag::kRequestMessage);
    if (!size.ok()) {
      return;
    }
    message += peer.ReadExactly(*size - message.size());
    if (!peer.Write(Chars(server.Answer(std::as_bytes(std::span(message)))))) {
      return;
    }
  }
}

// A server with one KEK, and what a client needs to get in.
class World {
 public:
  World()
      : server_({{.certificate = ca_.Issue({.names = {"IP:127.0.0.1"}}),
                  .client_ca_pem = ca_.certificate_pem()}},
                [this](TlsPeer& peer) { ServeKmip(kmip_, peer); }) {
    kmip_.keys().Put(kKeyId, {.material = std::vector<std::byte>(32, std::byte{7})});
    std::string path = std::filesystem::temp_directory_path() / "rbdcrypt-bench-XXXXXX";
    RBDCRYPT_CHECK(::mkdtemp(path.data()) != nullptr);
    folder_ = path;
    Put(kmip::kCaCert, ca_.certificate_pem());
    Put(kmip::kClientCert, client_.certificate_pem);
    Put(kmip::kClientKey, client_.key_pem);
    Put(kmip::kUniqueIdentifier, kKeyId);
  }

  ~World() { std::filesystem::remove_all(folder_); }

  World(const World&) = delete;
  World& operator=(const World&) = delete;

  kms::ConfigEntry Entry() const {
    return {.id = "bench",
            .provider = std::string(kmip::kProvider),
            .options = {{"encryptionKMSType", kmip::kProvider},
                        {kmip::kEndpoint, server_.Address().Text()},
                        {kmip::kCredentialsDir, folder_.string()}}};
  }

  net::TlsOptions Tls() const {
    return {.ca_pem = ca_.certificate_pem(),
            .client = net::ClientCertificate{.certificate_pem = client_.certificate_pem,
                                             .key_pem = Secret(std::string_view(client_.key_pem))}};
  }

  const TlsServer& server() const { return server_; }

 private:
  void Put(std::string_view name, std::string_view text) const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << text;
    std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  }

  const TestCa ca_;
  const TestCertificate client_ = ca_.Issue({.common_name = "client"});
  std::filesystem::path folder_;
  FakeKmip kmip_;
  TlsServer server_;
};

double Seconds(clockid_t clock) {
  timespec now = {};
  RBDCRYPT_CHECK(::clock_gettime(clock, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Seconds of that clock for each of `times` calls.
Result<double> Each(clockid_t clock, int times, const std::function<Status()>& call) {
  const double begun = Seconds(clock);
  for (int i = 0; i < times; ++i) {
    RETURN_IF_ERROR(call());
  }
  return (Seconds(clock) - begun) / times;
}

// One provider, as a node has it open.
class Ours {
 public:
  static Result<Ours> Open(const World& world) {
    auto family = std::make_shared<kmip::KmipFamily>(kmip::KmipFamily::Options{
        .dial = [](const net::Endpoint& endpoint,
                   const net::TlsOptions& tls) -> Result<std::unique_ptr<net::Dialer>> {
          return net::TlsDialer::New(endpoint, tls, {});
        }});
    const kms::Provider provider = kmip::MakeProvider(family);
    const kms::RequestSecrets no_secrets;
    const Context context = Context::Background();
    ASSIGN_OR_RETURN(auto kms,
                     provider.open(context, world.Entry(),
                                   {.kms_id = "bench", .tenant = "", .secrets = no_secrets}));
    ASSIGN_OR_RETURN(const kmip::KmipOptions options, kmip::ParseOptions(world.Entry()));
    ASSIGN_OR_RETURN(auto entry, family->Open(context, options, kms::Urgency::kMount));
    ASSIGN_OR_RETURN(Secret dek, kms::NewDek(kms->dek_bytes()));
    Ours ours(std::move(kms), std::move(entry), std::move(dek));
    RETURN_IF_ERROR(ours.Wrap());
    RETURN_IF_ERROR(ours.Unwrap());
    return ours;
  }

  Status Wrap() {
    ASSIGN_OR_RETURN(wrapped_, kms_->wrapper()->WrapDek(Context::Background(), kVolume, dek_));
    return OkStatus();
  }

  Status Unwrap() const {
    ASSIGN_OR_RETURN(const Secret found,
                     kms_->wrapper()->UnwrapDek(Context::Background(), kVolume, wrapped_));
    return SameSecret(found, dek_) ? OkStatus() : DataLoss("another DEK came back");
  }

  kmip::Client::Counts counts() const { return entry_->kept->client.counts(); }

  const std::string& wrapped() const { return wrapped_; }

 private:
  Ours(std::shared_ptr<kms::Kms> kms, std::shared_ptr<const kmip::OpenedEntry> entry, Secret dek)
      : kms_(std::move(kms)), entry_(std::move(entry)), dek_(std::move(dek)) {}

  std::shared_ptr<kms::Kms> kms_;
  std::shared_ptr<const kmip::OpenedEntry> entry_;
  Secret dek_;
  std::string wrapped_;
};

// As ceph-csi unwraps a DEK. Certificates are read anew each time there, too.
Status UnwrapTheirWay(const World& world, const kms::Envelope& wrapped) {
  ASSIGN_OR_RETURN(const auto dialer,
                   net::TlsDialer::New(world.server().Address(), world.Tls(), {}));
  const Context context = Context::Background();
  ASSIGN_OR_RETURN(auto stream, dialer->Dial(context));
  kmip::Connection connection(std::move(stream), dialer->address(),
                              {.write = std::chrono::seconds(10), .read = std::chrono::seconds(10)},
                              context.clock().Now());
  ASSIGN_OR_RETURN(const kmip::Answer versions,
                   connection.Ask(context, kmip::DiscoverVersionsRequest({kmip::Version()}), {}));
  RETURN_IF_ERROR(kmip::ReadVersions(versions).status());
  const kmip::Request request =
      kmip::DecryptRequest({.key_id = kKeyId,
                            .parameters = {.mode = kmip::BlockCipherMode::kCbc,
                                           .padding = kmip::PaddingMethod::kPkcs5,
                                           .algorithm = kmip::CryptographicAlgorithm::kAes},
                            .data = wrapped.ciphertext,
                            .iv = wrapped.nonce});
  ASSIGN_OR_RETURN(const kmip::Answer answer, connection.Ask(context, request, {}));
  return kmip::ReadDecrypted(answer).status();
}

Status UnwrapAtOnce(const Ours& ours, int callers, int calls) {
  std::atomic<int> left = calls;
  std::atomic<bool> is_broken = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      while (left-- > 0) {
        is_broken = is_broken || !ours.Unwrap().ok();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return is_broken ? Unavailable("an unwrap of several at once failed") : OkStatus();
}

Result<Json> Measure(int calls, int theirs, int callers) {
  World world;
  ASSIGN_OR_RETURN(Ours ours, Ours::Open(world));
  const kmip::Client::Counts before = ours.counts();
  Json results;
  ASSIGN_OR_RETURN(results["wrapCpu"],
                   Each(CLOCK_THREAD_CPUTIME_ID, calls, [&] { return ours.Wrap(); }));
  ASSIGN_OR_RETURN(results["unwrapCpu"],
                   Each(CLOCK_THREAD_CPUTIME_ID, calls, [&] { return ours.Unwrap(); }));
  const kmip::Client::Counts after = ours.counts();
  results["requests"] = after.requests - before.requests;
  results["dials"] = after.dials - before.dials;
  results["calls"] = 2 * calls;
  ASSIGN_OR_RETURN(const kms::Envelope wrapped, kms::ParseEnvelope(ours.wrapped()));
  std::vector<double> our_times;
  std::vector<double> their_times;
  // In turn, so that whatever else the machine does is shared by both sides.
  for (int i = 0; i < theirs; ++i) {
    ASSIGN_OR_RETURN(const double our_time,
                     Each(CLOCK_MONOTONIC, 1, [&] { return ours.Unwrap(); }));
    ASSIGN_OR_RETURN(const double their_time,
                     Each(CLOCK_MONOTONIC, 1, [&] { return UnwrapTheirWay(world, wrapped); }));
    our_times.push_back(our_time);
    their_times.push_back(their_time);
  }
  results["ours"] = our_times;
  results["theirs"] = their_times;
  const int seen = world.server().connections();
  RETURN_IF_ERROR(UnwrapAtOnce(ours, callers, calls));
  // The one of before is among them.
  results["connections"] = world.server().connections() - seen + 1;
  return results;
}

Result<Json> Run() {
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  ASSIGN_OR_RETURN(const Json plan, ParseJson(text, "the plan"));
  return Measure(plan.value("calls", 2000), plan.value("theirs", 200), plan.value("callers", 16));
}

}  // namespace
}  // namespace rbdcrypt::bench

int main() {
  rbdcrypt::InitSecretHeap();
  return rbdcrypt::bench::Print("kmip_calls", rbdcrypt::bench::Run());
}
