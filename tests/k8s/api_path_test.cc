// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/api_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rbdcrypt::k8s {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::StatusIs;

TEST(ApiPathTest, PathsOfCoreAndOtherGroupsAreThoseOfTheApi) {
  EXPECT_THAT(ObjectPath(kSecrets, {"shop", "key"}),
              IsOkAndHolds("api/v1/namespaces/shop/secrets/key"));
  EXPECT_THAT(ObjectPath(kLeases, {"kube-system", "rbdcrypt"}),
              IsOkAndHolds("apis/coordination.k8s.io/v1/namespaces/kube-system/leases/rbdcrypt"));
  EXPECT_THAT(ObjectPath(kStorageClasses, {"", "fast"}),
              IsOkAndHolds("apis/storage.k8s.io/v1/storageclasses/fast"));
  EXPECT_THAT(ObjectPath(kServiceAccounts, {"shop", "sa"}, "token"),
              IsOkAndHolds("api/v1/namespaces/shop/serviceaccounts/sa/token"));
  EXPECT_THAT(CollectionPath(kConfigMaps, ""), IsOkAndHolds("api/v1/configmaps"));
  EXPECT_THAT(CollectionPath(kConfigMaps, "shop"),
              IsOkAndHolds("api/v1/namespaces/shop/configmaps"));
}

TEST(ApiPathTest, ANameCannotLeaveItsSegment) {
  EXPECT_THAT(ObjectPath(kSecrets, {"..", "a/b?watch=1"}),
              IsOkAndHolds("api/v1/namespaces/%2E%2E/secrets/a%2Fb%3Fwatch%3D1"));
}

TEST(ApiPathTest, AnObjectWithoutANameIsNotTheCollection) {
  EXPECT_THAT(ObjectPath(kSecrets, {"shop", ""}),
              StatusIs(Code::kInvalidArgument, HasSubstr("secrets")));
  EXPECT_THAT(ObjectPath(kSecrets, {"", "key"}),
              StatusIs(Code::kInvalidArgument, HasSubstr("namespace")));
}

TEST(ApiPathTest, ANamespaceForATypeThatLivesInNoneIsRefused) {
  EXPECT_THAT(ObjectPath(kPersistentVolumes, {"shop", "pv"}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(CollectionPath(kPersistentVolumes, "shop"),
              StatusIs(Code::kInvalidArgument, HasSubstr("shop")));
}

TEST(ApiPathTest, QueriesAreEscapedAndLeaveOutWhatIsEmpty) {
  EXPECT_EQ(Query({}), "");
  EXPECT_EQ(Query({{"continue", ""}}), "");
  EXPECT_EQ(Query({{"limit", "500"}, {"continue", ""}, {"labelSelector", "a=b&c"}}),
            "?limit=500&labelSelector=a%3Db%26c");
}

TEST(ApiPathTest, DescriptionsNameWhatIsKnown) {
  EXPECT_EQ(Describe(kSecrets, {"shop", "key"}), "secrets \"key\" in namespace \"shop\"");
  EXPECT_EQ(Describe(kPersistentVolumes, {"", "pv"}), "persistentvolumes \"pv\"");
  EXPECT_EQ(Describe(kSecrets, {"", ""}), "secrets");
}

}  // namespace
}  // namespace rbdcrypt::k8s
