// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/log.h"

#include <cstdio>
#include <string>
#include <type_traits>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/handle.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/strings.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace rbdcrypt {
namespace {

using ::rbdcrypt::testing::IsOk;
using ::rbdcrypt::testing::StatusIs;
using ::rbdcrypt::testing::TempDir;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

// A secret cannot be made a field's value; whoever wants it there has to spell Reveal.
static_assert(!std::is_convertible_v<const Secret&, decltype(LogField::value)>);

// Standard error into a file while it lives.
class CapturedStderr {
 public:
  CapturedStderr() {
    std::fflush(stderr);
    const UniqueFd file(::open(dir_.File("stderr").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    ::dup2(file.get(), STDERR_FILENO);
  }

  ~CapturedStderr() { ::dup2(before_.get(), STDERR_FILENO); }

  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  std::string Text() const { return dir_.Read("stderr"); }

 private:
  TempDir dir_;
  UniqueFd before_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
};

class LogTest : public ::testing::Test {
 protected:
  // What one warning with `value` becomes, from "level" on and without the line's end.
  static std::string TextOf(const std::string& value) {
    EXPECT_THAT(InitLog("info", LogFormat::kText), IsOk());
    const CapturedStderr captured;
    LogWarn("event", {{"key", value}});
    const std::string line = captured.Text();
    return line.substr(line.find("level="), line.size() - line.find("level=") - 1);
  }

  static Json JsonOf(const std::string& value) {
    EXPECT_THAT(InitLog("info", LogFormat::kJson), IsOk());
    const CapturedStderr captured;
    LogError("an \"event\"", {{"key", value}});
    const std::string line = captured.Text();
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    return ParseJson(line, "the line").value_or(Json());
  }
};

TEST_F(LogTest, TextLineHasTimeLevelEventAndFields) {
  ASSERT_THAT(InitLog("debug", LogFormat::kText), IsOk());
  const CapturedStderr captured;
  LogDebug("volume staged", {{"volume", "0001-a"}, {"seconds", "0.5"}});
  EXPECT_THAT(captured.Text(),
              MatchesRegex("time=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z level=debug "
                           "event=\"volume staged\" volume=0001-a seconds=0.5\n"));
}

TEST_F(LogTest, EveryFunctionHasItsLevelAndLowerOnesAreSilent) {
  const std::pair<const char*, int> expected[] = {
      {"debug", 4}, {"info", 3}, {"warn", 2}, {"error", 1}};
  for (const auto& [level, lines] : expected) {
    ASSERT_THAT(InitLog(level, LogFormat::kText), IsOk());
    const CapturedStderr captured;
    LogDebug("d");
    LogInfo("i");
    LogWarn("w");
    LogError("e");
    EXPECT_THAT(Split(Trim(captured.Text()), '\n'), SizeIs(lines)) << level;
    EXPECT_THAT(captured.Text(), EndsWith("level=error event=e\n"));
  }
}

TEST_F(LogTest, UnknownLevelIsRefused) {
  EXPECT_THAT(InitLog("loud", LogFormat::kText),
              StatusIs(Code::kInvalidArgument, HasSubstr("loud")));
}

TEST_F(LogTest, ValuesAreQuotedWhereTheyNeedIt) {
  EXPECT_EQ(TextOf("plain-1.0/é"), "level=warn event=event key=plain-1.0/é");
  EXPECT_EQ(TextOf(""), R"(level=warn event=event key="")");
  EXPECT_EQ(TextOf("a b"), R"(level=warn event=event key="a b")");
  EXPECT_EQ(TextOf("a=b"), R"(level=warn event=event key="a=b")");
  EXPECT_EQ(TextOf(R"(a"\b)"), R"(level=warn event=event key="a\"\\b")");
  EXPECT_EQ(TextOf("{} %v %s"), R"(level=warn event=event key="{} %v %s")");
}

TEST_F(LogTest, NoValueEndsItsLineOrTalksToTheTerminal) {
  EXPECT_EQ(TextOf("a\nlevel=error"), R"(level=warn event=event key="a\nlevel=error")");
  EXPECT_EQ(TextOf("\r\t\x1b[2J\x7f"), R"(level=warn event=event key="\x0d\x09\x1b[2J\x7f")");
}

TEST_F(LogTest, LongValuesAreCut) {
  EXPECT_EQ(TextOf(std::string(1024, 'x')), "level=warn event=event key=" + std::string(1024, 'x'));
  EXPECT_EQ(TextOf(std::string(1025, 'x')),
            "level=warn event=event key=" + std::string(1024, 'x') + "...");
}

TEST_F(LogTest, JsonLineIsOneObjectOfStrings) {
  const Json line = JsonOf("a\n\"b\" {}");
  EXPECT_EQ(line.value("level", ""), "error");
  EXPECT_EQ(line.value("event", ""), "an \"event\"");
  EXPECT_EQ(line.value("key", ""), "a\n\"b\" {}");
  EXPECT_THAT(line.value("time", ""), MatchesRegex("[0-9]{4}-.*Z"));
}

TEST_F(LogTest, JsonLineSurvivesBytesThatAreNoText) {
  EXPECT_EQ(JsonOf("\xff\x01").value("key", ""), "\xef\xbf\xbd\x01");
  EXPECT_THAT(JsonOf(std::string(2000, 'x')).value("key", ""), SizeIs(1027));
}

}  // namespace
}  // namespace rbdcrypt
