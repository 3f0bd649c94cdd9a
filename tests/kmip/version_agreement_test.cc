// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/version_agreement.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kmip/reasons.h"
#include "kmip/tags.h"
#include "kmip/ttlv_reader.h"
#include "kmip/ttlv_writer.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::testing {
namespace {

using kmip::Answer;
using kmip::Operation;
using kmip::Request;
using kmip::ResultReason;
using kmip::Tag;
using kmip::TtlvView;
using kmip::TtlvWriter;
using kmip::Version;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Answer AnswerOf(Secret message) {
  const TtlvView payload = *TtlvView::Parse(message.Reveal());
  return Answer(std::move(message), payload);
}

Answer Naming(const std::vector<Version>& versions) {
  TtlvWriter writer;
  writer.Begin(Tag::kResponsePayload);
  for (const Version& version : versions) {
    writer.Begin(Tag::kProtocolVersion)
        .Integer(Tag::kProtocolVersionMajor, version.major)
        .Integer(Tag::kProtocolVersionMinor, version.minor)
        .End();
  }
  writer.End();
  return AnswerOf(std::move(writer).Take());
}

Status Refusal(ResultReason reason) {
  return kmip::FromReason(Operation::kDiscoverVersions, 1, static_cast<std::uint32_t>(reason),
                          "no");
}

// A server by what it says to a header, and what it was asked: "1.4 Discover Versions".
class Server {
 public:
  using Rule = std::function<Result<Answer>(Version header, Operation operation)>;

  explicit Server(Rule rule) : rule_(std::move(rule)) {}

  Result<Version> Agree() {
    return kmip::AgreeOnVersion("a:1", [this](Version header, const Request& request) {
      asked_.push_back(header.Text() +
                       (request.operation == Operation::kQuery ? " Query" : " Discover"));
      last_ = request;
      return rule_(header, request.operation);
    });
  }

  const std::vector<std::string>& asked() const { return asked_; }

  const Request& last() const { return last_; }

 private:
  const Rule rule_;
  std::vector<std::string> asked_;
  Request last_;
};

Server ThatNames(const std::vector<Version>& versions) {
  return Server([versions](Version, Operation) -> Result<Answer> { return Naming(versions); });
}

// Takes headers of `header` only, and names it; refuses others for `reason`.
Server ThatTakesOnly(Version header, ResultReason reason) {
  return Server([=](Version asked, Operation) -> Result<Answer> {
    if (asked == header) {
      return Naming({header});
    }
    return Refusal(reason);
  });
}

TEST(VersionAgreementTest, TheNewestOfTheAnswerIsTaken) {
  Server server = ThatNames({{1, 4}, {1, 3}, {1, 2}});
  EXPECT_THAT(server.Agree(), IsOkAndHolds(Version{1, 4}));
  EXPECT_THAT(server.asked(), ElementsAre("1.4 Discover"));
  // Also where the server names an older one first.
  EXPECT_THAT(ThatNames({{1, 2}, {2, 1}}).Agree(), IsOkAndHolds(Version{2, 1}));
}

TEST(VersionAgreementTest, AllVersionsAreOfferedNewestFirst) {
  Server server = ThatNames({{2, 1}});
  ASSERT_THAT(server.Agree(), IsOkAndHolds(Version{2, 1}));
  TtlvWriter writer;
  writer.Begin(Tag::kRequestPayload);
  server.last().write_payload(Version{1, 4}, writer);
  writer.End();
  const Secret payload = std::move(writer).Take();
  std::vector<std::string> offered;
  const auto view = TtlvView::Parse(payload.Reveal());
  ASSERT_THAT(view, IsOk());
  for (const TtlvView& item : view->Items()) {
    offered.push_back(Version{*item.Integer(Tag::kProtocolVersionMajor),
                              *item.Integer(Tag::kProtocolVersionMinor)}
                          .Text());
  }
  EXPECT_THAT(offered, ElementsAre("2.1", "2.0", "1.4", "1.3", "1.2", "1.1", "1.0"));
}

TEST(VersionAgreementTest, VersionsThatWeDidNotOfferAreSkipped) {
  EXPECT_THAT(ThatNames({{9, 9}, {3, 0}, {1, 9}, {1, 3}}).Agree(), IsOkAndHolds(Version{1, 3}));
  EXPECT_THAT(ThatNames({{9, 9}, {-1, 4}}).Agree(),
              StatusIs(Code::kFailedPrecondition, AllOf(HasSubstr("9.9"), HasSubstr("2.1, 2.0"))));
}

TEST(VersionAgreementTest, AnEmptyAnswerMeansNoneInCommon) {
  Server server = ThatNames({});
  EXPECT_THAT(server.Agree(),
              StatusIs(Code::kFailedPrecondition, HasSubstr("a:1: no version of KMIP in common")));
  EXPECT_THAT(server.asked(), ElementsAre("1.4 Discover"));
}

TEST(VersionAgreementTest, AHeaderThatIsNotTakenIsReplacedByAnOlderOne) {
  for (const ResultReason reason :
       {ResultReason::kInvalidMessage, ResultReason::kOperationNotSupported,
        ResultReason::kUnsupportedProtocolVersion}) {
    Server server = ThatTakesOnly({1, 2}, reason);
    EXPECT_THAT(server.Agree(), IsOkAndHolds(Version{1, 2}));
    EXPECT_THAT(server.asked(), ElementsAre("1.4 Discover", "1.2 Discover"));
  }
}

TEST(VersionAgreementTest, AServerOfVersion10IsKnownByAnsweringAQuery) {
  Server server = ThatTakesOnly({1, 0}, ResultReason::kOperationNotSupported);
  EXPECT_THAT(server.Agree(), IsOkAndHolds(Version{1, 0}));
  EXPECT_THAT(server.asked(), ElementsAre("1.4 Discover", "1.2 Discover", "1.0 Query"));
}

TEST(VersionAgreementTest, AServerThatLeft1xBehindIsAskedAfterAllThat) {
  Server server = ThatTakesOnly({2, 1}, ResultReason::kUnsupportedProtocolVersion);
  EXPECT_THAT(server.Agree(), IsOkAndHolds(Version{2, 1}));
  EXPECT_THAT(server.asked(),
              ElementsAre("1.4 Discover", "1.2 Discover", "1.0 Query", "2.1 Discover"));
}

TEST(VersionAgreementTest, AServerThatTakesNoHeaderHasNoneInCommon) {
  Server server = ThatTakesOnly({7, 0}, ResultReason::kInvalidMessage);
  EXPECT_THAT(server.Agree(),
              StatusIs(Code::kFailedPrecondition,
                       AllOf(HasSubstr("in common"), HasSubstr("Invalid Message"))));
  EXPECT_EQ(server.asked().size(), kmip::KnownVersions().size());
}

TEST(VersionAgreementTest, OtherErrorsEndIt) {
  for (const Status& error : {Refusal(ResultReason::kPermissionDenied), Unavailable("lost"),
                              DataLoss("no KMIP"), Cancelled("")}) {
    Server server([&](Version, Operation) -> Result<Answer> { return error; });
    EXPECT_THAT(server.Agree(), StatusIs(error.code()));
    EXPECT_EQ(server.asked().size(), 1U);
  }
}

}  // namespace
}  // namespace rbdcrypt::testing
