// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// One dialer, many callers, for ThreadSanitizer as much as for the assertions.
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "tests/net/tls_world.h"

namespace rbdcrypt::net {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::IsOkAndHolds;

constexpr int kCallers = 16;
constexpr int kRounds = 5;

class TlsConcurrentTest : public TlsWorld {
 protected:
  template <typename Body>
  static void InThreads(const Body& body) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kCallers; ++i) {
      threads.emplace_back([&body, i] { body(i); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
};

TEST_F(TlsConcurrentTest, EachCallerHasAStreamOfItsOwn) {
  testing::ServerTls tls = ServerTls({"DNS:localhost"});
  tls.client_ca_pem = ca_.certificate_pem();
  const TlsServer server(tls, Echo);
  TlsOptions options = Trusting();
  options.client = Client(ca_.Issue({.common_name = "node-1"}));
  // By name, so that the resolver's threads come into it.
  ASSERT_OK_AND_ASSIGN(const auto dialer, TlsDialer::New(server.Address("localhost"), options,
                                                         {.connect = kLong, .handshake = kLong}));
  InThreads([&dialer](int caller) {
    const auto stream = dialer->Dial(Within(kLong));
    ASSERT_THAT(stream, IsOk());
    for (int i = 0; i < kRounds; ++i) {
      const std::string text = Cat(caller, "/", i);
      EXPECT_THAT(Exchange(**stream, text), IsOkAndHolds(text));
      EXPECT_TRUE((*stream)->IsQuiet());
    }
  });
  EXPECT_EQ(server.handshakes(), kCallers);
}

}  // namespace
}  // namespace rbdcrypt::net
