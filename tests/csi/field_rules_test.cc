// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "csi/field_rules.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include "csi.pb.h"
#include "tests/support/status_matchers.h"

namespace rbdcrypt::csi {
namespace {

namespace proto = ::google::protobuf;

using rbdcrypt::testing::IsOk;
using rbdcrypt::testing::StatusIs;
using ::testing::HasSubstr;

// A request of that name with every field filled in as it should be.
std::unique_ptr<proto::Message> ValidRequest(const std::string& name) {
  const proto::Descriptor* type =
      ::csi::v1::CreateVolumeRequest::descriptor()->file()->FindMessageTypeByName(name);
  std::unique_ptr<proto::Message> request(
      proto::MessageFactory::generated_factory()->GetPrototype(type)->New());
  const proto::Reflection& reflection = *request->GetReflection();
  for (int index = 0; index < type->field_count(); ++index) {
    const proto::FieldDescriptor* field = type->field(index);
    if (field->cpp_type() == proto::FieldDescriptor::CPPTYPE_STRING) {
      reflection.SetString(request.get(), field,
                           field->name().ends_with("path") ? "/var/lib/x" : "0001-a");
    } else if (field->cpp_type() == proto::FieldDescriptor::CPPTYPE_MESSAGE && !field->is_map()) {
      field->is_repeated() ? reflection.AddMessage(request.get(), field)
                           : reflection.MutableMessage(request.get(), field);
    }
  }
  return request;
}

void Clear(proto::Message& request, const std::string& field) {
  request.GetReflection()->ClearField(&request, request.GetDescriptor()->FindFieldByName(field));
}

void Set(proto::Message& request, const std::string& field, const std::string& value) {
  request.GetReflection()->SetString(&request, request.GetDescriptor()->FindFieldByName(field),
                                     value);
}

// What is asked of a field; every row is tried with everything that breaks it.
struct Row {
  const char* request;
  const char* field;

  enum { kPresent, kName, kNodeId, kVolumeId, kTarget, kLookup, kOptionalPath } rule;
};

constexpr Row kRows[] = {
    {"CreateVolumeRequest", "name", Row::kName},
    {"CreateVolumeRequest", "volume_capabilities", Row::kPresent},
    {"DeleteVolumeRequest", "volume_id", Row::kPresent},
    {"ControllerPublishVolumeRequest", "volume_id", Row::kPresent},
    {"ControllerPublishVolumeRequest", "node_id", Row::kNodeId},
    {"ControllerPublishVolumeRequest", "volume_capability", Row::kPresent},
    {"ControllerUnpublishVolumeRequest", "volume_id", Row::kPresent},
    {"ValidateVolumeCapabilitiesRequest", "volume_id", Row::kPresent},
    {"ValidateVolumeCapabilitiesRequest", "volume_capabilities", Row::kPresent},
    {"ControllerExpandVolumeRequest", "volume_id", Row::kVolumeId},
    {"ControllerExpandVolumeRequest", "capacity_range", Row::kPresent},
    {"NodeStageVolumeRequest", "volume_id", Row::kVolumeId},
    {"NodeStageVolumeRequest", "staging_target_path", Row::kTarget},
    {"NodeStageVolumeRequest", "volume_capability", Row::kPresent},
    {"NodeUnstageVolumeRequest", "volume_id", Row::kVolumeId},
    {"NodeUnstageVolumeRequest", "staging_target_path", Row::kTarget},
    {"NodePublishVolumeRequest", "volume_id", Row::kVolumeId},
    {"NodePublishVolumeRequest", "target_path", Row::kTarget},
    {"NodePublishVolumeRequest", "staging_target_path", Row::kOptionalPath},
    {"NodePublishVolumeRequest", "volume_capability", Row::kPresent},
    {"NodeUnpublishVolumeRequest", "volume_id", Row::kVolumeId},
    {"NodeUnpublishVolumeRequest", "target_path", Row::kTarget},
    {"NodeGetVolumeStatsRequest", "volume_id", Row::kVolumeId},
    {"NodeGetVolumeStatsRequest", "volume_path", Row::kLookup},
    {"NodeExpandVolumeRequest", "volume_id", Row::kVolumeId},
    {"NodeExpandVolumeRequest", "volume_path", Row::kLookup},
    {"NodeExpandVolumeRequest", "staging_target_path", Row::kOptionalPath},
};

class FieldRulesTest : public ::testing::TestWithParam<Row> {
 protected:
  void ExpectRefused(const std::string& value) {
    const auto request = ValidRequest(GetParam().request);
    Set(*request, GetParam().field, value);
    EXPECT_THAT(CheckRequest(*request),
                StatusIs(Code::kInvalidArgument, HasSubstr(GetParam().field)))
        << value;
  }

  void ExpectTaken(const std::string& value) {
    const auto request = ValidRequest(GetParam().request);
    Set(*request, GetParam().field, value);
    EXPECT_THAT(CheckRequest(*request), IsOk()) << value;
  }
};

TEST_P(FieldRulesTest, ValidRequestIsTaken) {
  EXPECT_THAT(CheckRequest(*ValidRequest(GetParam().request)), IsOk());
}

TEST_P(FieldRulesTest, AbsentFieldIsRefusedWhereRequired) {
  const auto request = ValidRequest(GetParam().request);
  Clear(*request, GetParam().field);
  if (GetParam().rule == Row::kOptionalPath) {
    EXPECT_THAT(CheckRequest(*request), IsOk());
  } else {
    EXPECT_THAT(CheckRequest(*request),
                StatusIs(Code::kInvalidArgument, HasSubstr(GetParam().field)));
  }
}

TEST_P(FieldRulesTest, LimitsHold) {
  const std::string nul("/a\0b", 4);
  switch (GetParam().rule) {
    case Row::kPresent:
      break;
    case Row::kName:
      ExpectTaken(std::string(128, 'x'));
      ExpectTaken("tab\tand \xc3\xa9");
      ExpectRefused(std::string(129, 'x'));
      ExpectRefused("bell\a");
      ExpectRefused("\x7f");
      ExpectRefused("\xc2\x80");
      break;
    case Row::kNodeId:
      ExpectTaken(std::string(256, 'x'));
      ExpectRefused(std::string(257, 'x'));
      break;
    case Row::kVolumeId:
      ExpectTaken(std::string(128, 'x'));
      ExpectTaken("fake-vol-id");
      ExpectRefused(std::string(129, 'x'));
      ExpectRefused("..");
      ExpectRefused(".");
      ExpectRefused("a/../../etc");
      ExpectRefused("a\nb");
      break;
    case Row::kTarget:
    case Row::kOptionalPath:
      ExpectTaken("/" + std::string(4095, 'x'));
      ExpectTaken("/var/lib/a..b");
      ExpectRefused("/" + std::string(4096, 'x'));
      ExpectRefused("some/path");
      ExpectRefused("/var/../etc");
      ExpectRefused(nul);
      break;
    case Row::kLookup:
      ExpectTaken("some/path");
      ExpectRefused(nul);
      ExpectRefused("/" + std::string(4096, 'x'));
      break;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryField,
                         FieldRulesTest,
                         ::testing::ValuesIn(kRows),
                         [](const auto& row) {
                           return std::string(row.param.request) + "_" + row.param.field;
                         });

TEST(FieldRulesTableTest, RequestsWithoutRulesAreTaken) {
  EXPECT_THAT(CheckRequest(::csi::v1::ProbeRequest()), IsOk());
}

}  // namespace
}  // namespace rbdcrypt::csi
