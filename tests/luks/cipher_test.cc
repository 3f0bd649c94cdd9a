// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/luks/cipher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::rbd::luks {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(CipherTest, NothingGivenIsTheDefault) {
  EXPECT_THAT(ParseCipher({}), IsOkAndHolds(CipherSpec{"aes-xts-plain64", 512, 512}));
}

TEST(CipherTest, ReadsWhatCephCsiDocuments) {
  EXPECT_THAT(ParseCipher({"serpent-xts-plain64", "256", "4096"}),
              IsOkAndHolds(CipherSpec{"serpent-xts-plain64", 256, 4096}));
  EXPECT_THAT(ParseCipher({"aes-xts-plain64", "", ""}), IsOkAndHolds(CipherSpec{}));
  EXPECT_THAT(ParseCipher({"", "", "1024"}),
              IsOkAndHolds(CipherSpec{"aes-xts-plain64", 512, 1024}));
}

TEST(CipherTest, KeySizeWithoutCipherIsIgnored) {
  EXPECT_THAT(ParseCipher({"", "256", ""}), IsOkAndHolds(CipherSpec{}));
}

TEST(CipherTest, ErrorsNameTheParameterTheValueAndTheWayOut) {
  EXPECT_THAT(ParseCipher({"aes-xts-random", "", ""}),
              StatusIs(Code::kInvalidArgument,
                       AllOf(HasSubstr("encryptionCipher"), HasSubstr("integrityMode"))));
  EXPECT_THAT(
      ParseCipher({"rot13", "", ""}),
      StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("encryptionCipher"), HasSubstr("rot13"),
                                             HasSubstr("aes-xts-plain64"))));
  for (const std::string size : {"128", "384", "-256", "big"}) {
    EXPECT_THAT(
        ParseCipher({"aes-xts-plain64", size, ""}),
        StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("encryptionKeySize"), HasSubstr(size))));
  }
  for (const std::string size : {"0", "513", "8192", "4k"}) {
    EXPECT_THAT(ParseCipher({"", "", size}),
                StatusIs(Code::kInvalidArgument,
                         AllOf(HasSubstr("encryptionSectorSize"), HasSubstr(size))));
  }
}

}  // namespace
}  // namespace rbdcrypt::rbd::luks
