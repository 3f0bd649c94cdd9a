// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "tests/kmip/hostile_world.h"

#include <cstddef>
#include <span>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/strings.h"
#include "kmip/operations.h"
#include "kmip/ttlv_reader.h"
#include "net/tls_dialer.h"

namespace rbdcrypt::testing {

using kmip::Tag;
using kmip::TtlvView;
using std::chrono::milliseconds;

namespace {

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The next request; "" at the client's end.
std::string ReadRequest(TlsPeer& peer) {
  std::string message = peer.ReadExactly(kmip::kItemHeaderBytes);
  const auto size = message.size() == kmip::kItemHeaderBytes
                        ? TtlvView::MessageBytes(BytesOf(message), Tag::kRequestMessage)
                        : DataLoss("the client ended");
  return size.ok() ? message + peer.ReadExactly(*size - message.size()) : "";
}

bool IsQuestion(const std::string& request) {
  const auto message = TtlvView::Parse(BytesOf(request));
  return *message->Structure(Tag::kBatchItem)->Enumeration(Tag::kOperation) ==
         static_cast<std::uint32_t>(kmip::Operation::kGetAttributes);
}

}  // namespace

void ServeKmip(TlsPeer& peer, FakeKmip& kmip, const Deed& deed) {
  for (std::string request = ReadRequest(peer); !request.empty(); request = ReadRequest(peer)) {
    const std::string answer = TextOf(kmip.Answer(BytesOf(request)));
    const bool goes_on = deed && IsQuestion(request) ? deed(peer, answer) : peer.Write(answer);
    if (!goes_on) {
      return;
    }
  }
}

std::size_t ValueOf(const std::string& message, Tag tag) {
  const auto number = static_cast<std::uint32_t>(tag);
  const std::string bytes = {static_cast<char>(number >> 16), static_cast<char>(number >> 8),
                             static_cast<char>(number)};
  const std::size_t at = message.find(bytes);
  RBDCRYPT_CHECK(at != std::string::npos);
  return at + kmip::kItemHeaderBytes;
}

// A dialer of one address, behind which servers come and go.
class HostileWorld::Address {
 public:
  Address(std::string text, net::TlsOptions tls) : text_(std::move(text)), tls_(std::move(tls)) {}

  void Place(std::unique_ptr<TlsServer> server) {
    auto dialer = net::TlsDialer::New(
        server->Address(), tls_, {.connect = milliseconds(200), .handshake = milliseconds(200)});
    RBDCRYPT_CHECK(dialer.ok());
    absl::MutexLock lock(&mutex_);
    dialer_ = *std::move(dialer);
    // The last one's end is awaited, so it must not be dialled meanwhile.
    server_ = std::move(server);
  }

  Result<std::unique_ptr<net::ByteStream>> Dial(const Context& context) {
    std::shared_ptr<net::Dialer> dialer;
    {
      absl::MutexLock lock(&mutex_);
      dialer = dialer_;
    }
    return dialer->Dial(context);
  }

  const std::string& text() const { return text_; }

  const TlsServer& server() const {
    absl::MutexLock lock(&mutex_);
    return *server_;
  }

  // What the client owns.
  class Dialer final : public net::Dialer {
   public:
    explicit Dialer(std::shared_ptr<Address> address) : address_(std::move(address)) {}

    Result<std::unique_ptr<net::ByteStream>> Dial(const Context& context) override {
      return address_->Dial(context);
    }

    const std::string& address() const override { return address_->text(); }

   private:
    const std::shared_ptr<Address> address_;
  };

 private:
  const std::string text_;
  const net::TlsOptions tls_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<net::Dialer> dialer_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<TlsServer> server_ ABSL_GUARDED_BY(mutex_);
};

HostileWorld::HostileWorld() {
  kmip_.keys().Put("kek", {.material = std::vector<std::byte>(32)});
}

HostileWorld::~HostileWorld() = default;

void HostileWorld::Connect(std::size_t servers) {
  const TestCertificate client = ca_.Issue({.common_name = "rbdcrypt"});
  addresses_.clear();
  std::vector<std::unique_ptr<net::Dialer>> dialers;
  for (std::size_t i = 0; i < servers; ++i) {
    addresses_.push_back(std::make_shared<Address>(
        Cat('s', i, ":5696"),
        net::TlsOptions{.ca_pem = ca_.certificate_pem(),
                        .client = net::ClientCertificate{.certificate_pem = client.certificate_pem,
                                                         .key_pem = Secret(client.key_pem)}}));
    PutHonest(i);
    dialers.push_back(std::make_unique<Address::Dialer>(addresses_.back()));
  }
  client_ = std::make_unique<kmip::Client>(std::move(dialers),
                                           kmip::ClientOptions{.read_timeout = milliseconds(200),
                                                               .write_timeout = milliseconds(200),
                                                               .rounds = 2,
                                                               .backoff = milliseconds(1),
                                                               .max_backoff = milliseconds(2),
                                                               .breaker = {.threshold = 1000}});
}

void HostileWorld::Put(std::size_t server, const ServerTls& tls, TlsServer::Script script) {
  addresses_[server]->Place(std::make_unique<TlsServer>(tls, std::move(script)));
}

void HostileWorld::PutPlain(std::size_t server, TlsServer::Script script) {
  addresses_[server]->Place(std::make_unique<TlsServer>(std::nullopt, std::move(script)));
}

void HostileWorld::PutHostile(std::size_t server, Deed deed, int only_version) {
  ServerTls tls = HonestTls();
  tls.only_version = only_version;
  Put(server, tls, [this, deed = std::move(deed)](TlsPeer& peer) { ServeKmip(peer, kmip_, deed); });
}

void HostileWorld::PutHonest(std::size_t server) {
  PutHostile(server, nullptr);
}

ServerTls HostileWorld::HonestTls() const {
  return {.certificate = ca_.Issue({.names = {"IP:127.0.0.1"}}),
          .client_ca_pem = ca_.certificate_pem()};
}

Status HostileWorld::Ask(const Context& context) {
  return client_->Run(context, kms::Urgency::kMount, [&](kmip::Session& session) {
    RETURN_IF_ERROR(session.Ask(context, kmip::GetAttributesRequest("kek")).status());
    served_by_ = session.server();
    return OkStatus();
  });
}

Status HostileWorld::Ask() {
  return Ask(Context::Background().WithTimeout(kHostileDeadline));
}

const TlsServer& HostileWorld::server(std::size_t index) const {
  return addresses_[index]->server();
}

}  // namespace rbdcrypt::testing
