// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/redact.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <gtest/gtest.h>

#include "csi.pb.h"

namespace rbdcrypt::csi {
namespace {

namespace pb = ::csi::v1;
namespace proto = ::google::protobuf;

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedactTest, SecretsShowOnlyTheirNumber) {
  pb::NodeStageVolumeRequest request;
  request.set_volume_id("v-1");
  (*request.mutable_secrets())["userKey"] = "hunter2";
  (*request.mutable_secrets())["encryptionPassphrase"] = "correct horse";

  EXPECT_EQ(Redact(request), R"(volume_id="v-1" secrets=[2 hidden])");
}

// Fills every string and map of a message, and of those within it, with one word.
void FillWith(const std::string& word, proto::Message& message, int depth) {
  const proto::Reflection& reflection = *message.GetReflection();
  for (int index = 0; index < message.GetDescriptor()->field_count(); ++index) {
    const proto::FieldDescriptor* field = message.GetDescriptor()->field(index);
    const bool is_text = field->cpp_type() == proto::FieldDescriptor::CPPTYPE_STRING;
    const bool is_message = field->cpp_type() == proto::FieldDescriptor::CPPTYPE_MESSAGE;
    if (is_text && field->is_repeated()) {
      reflection.AddString(&message, field, word);
    } else if (is_text) {
      reflection.SetString(&message, field, word);
    } else if (is_message && depth > 0) {
      FillWith(word,
               field->is_repeated() ? *reflection.AddMessage(&message, field)
                                    : *reflection.MutableMessage(&message, field),
               depth - 1);
    }
  }
}

// Empties the fields that may be shown, so that the word stands in hidden ones only.
void ClearShown(proto::Message& message) {
  const proto::Reflection& reflection = *message.GetReflection();
  for (int index = 0; index < message.GetDescriptor()->field_count(); ++index) {
    const proto::FieldDescriptor* field = message.GetDescriptor()->field(index);
    if (!field->options().GetExtension(pb::csi_secret)) {
      reflection.ClearField(&message, field);
    }
  }
}

TEST(RedactTest, NoMessageOfThePackageShowsAFieldMarkedSecret) {
  const proto::FileDescriptor* file = pb::CreateVolumeRequest::descriptor()->file();
  int with_secrets = 0;
  for (int index = 0; index < file->message_type_count(); ++index) {
    const std::unique_ptr<proto::Message> message(
        proto::MessageFactory::generated_factory()->GetPrototype(file->message_type(index))->New());
    FillWith("hunter2", *message, 3);
    ClearShown(*message);
    with_secrets += message->ByteSizeLong() > 0 ? 1 : 0;
    EXPECT_THAT(Redact(*message, 1 << 20), Not(HasSubstr("hunter2")))
        << file->message_type(index)->name();
  }
  // CSI 1.12 has 19 requests with secrets.
  EXPECT_EQ(with_secrets, 19);
}

TEST(RedactTest, MountFlagsAreHiddenWhereverTheyAre) {
  pb::CreateVolumeRequest request;
  pb::VolumeCapability& capability = *request.add_volume_capabilities();
  capability.mutable_mount()->set_fs_type("xfs");
  capability.mutable_mount()->add_mount_flags("password=hunter2");

  EXPECT_EQ(Redact(request),
            R"(volume_capabilities=[{mount={fs_type="xfs" mount_flags=[1 hidden]}}])");
}

TEST(RedactTest, OrdinaryMapsNumbersAndEnumsAreShown) {
  pb::CreateVolumeRequest request;
  request.mutable_capacity_range()->set_required_bytes(1024);
  (*request.mutable_parameters())["pool"] = "rbd";
  request.add_volume_capabilities()->mutable_access_mode()->set_mode(
      pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);

  EXPECT_EQ(Redact(request),
            "capacity_range={required_bytes=1024} "
            "volume_capabilities=[{access_mode={mode=SINGLE_NODE_WRITER}}] "
            R"(parameters=[{key="pool" value="rbd"}])");
}

TEST(RedactTest, TextCannotEndTheLineOrItsQuotes) {
  pb::DeleteVolumeRequest request;
  request.set_volume_id("a\"b\nc\\d");

  EXPECT_EQ(Redact(request), R"(volume_id="a\x22b\x0ac\x5cd")");
}

TEST(RedactTest, LongTextIsCut) {
  pb::DeleteVolumeRequest request;
  request.set_volume_id(std::string(5000, 'x'));

  EXPECT_EQ(Redact(request, 20), R"(volume_id="xxxxxxxxx...)");
}

}  // namespace
}  // namespace rbdcrypt::csi
