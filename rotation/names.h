// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

namespace rbdcrypt::rotation {

// Names that users write or that csi-addons reads and writes. "3.x" and "4.x" are csi-and-addons.

// The group and version of the custom resources, as one text, and their kinds (3).
inline constexpr std::string_view kAddonsGroup = "csiaddons.openshift.io";
inline constexpr std::string_view kAddonsVersion = "v1alpha1";
inline constexpr std::string_view kAddonsApiVersion = "csiaddons.openshift.io/v1alpha1";
inline constexpr std::string_view kJobKind = "EncryptionKeyRotationJob";
inline constexpr std::string_view kCronJobKind = "EncryptionKeyRotationCronJob";

// What a Job's status says (3.1): its result, the one type of its conditions with the reason, and
// the messages of its end.
inline constexpr std::string_view kResultSucceeded = "Succeeded";
inline constexpr std::string_view kResultFailed = "Failed";
inline constexpr std::string_view kConditionFailed = "Failed";
inline constexpr std::string_view kReasonFailed = "failed";
inline constexpr std::string_view kMessageSucceeded =
    "Key rotation operation successfully completed.";
inline constexpr std::string_view kMessageRetries = "Maximum retry limit reached";
inline constexpr std::string_view kMessageDeadline = "Time limit reached";
inline constexpr std::string_view kMessageNoTarget =
    "failed to validate encryptionkeyrotationjob spec: required parameter "
    "'PersistentVolumeClaim' is missing";

// The concurrencyPolicy that replaces an active Job; the other one is "Forbid" (3.2).
inline constexpr std::string_view kPolicyReplace = "Replace";

// Annotations of a PVC, a Namespace or a StorageClass (4.1): cron text; and whether it counts,
// which only the exact value kEnableFalse denies.
inline constexpr std::string_view kScheduleAnnotation =
    "keyrotation.csiaddons.openshift.io/schedule";
inline constexpr std::string_view kEnableAnnotation = "keyrotation.csiaddons.openshift.io/enable";
inline constexpr std::string_view kEnableFalse = "false";

// Of a PVC: the name of the CronJob that was made for it (4.1).
inline constexpr std::string_view kCronJobAnnotation = "keyrotation.csiaddons.openshift.io/cronjob";

// Of a CronJob: anything but kStateManaged, even the empty text, means hands off; absent is managed
// (4.1).
inline constexpr std::string_view kStateAnnotation = "csiaddons.openshift.io/state";
inline constexpr std::string_view kStateManaged = "managed";

// Of a Job that a CronJob made: the time it was for, RFC 3339 (3.2).
inline constexpr std::string_view kScheduledAtAnnotation = "csiaddons.openshift.io/scheduled-at";

// Ours, of a PVC: the text that was copied into its kScheduleAnnotation from above it. As long as
// the two are the same, that one is no wish of its owner's, and what stands above is looked at anew
// (4.8, "copied schedule").
inline constexpr std::string_view kCopiedScheduleAnnotation = "rbdcrypt/copied-schedule";

// What an unreadable schedule is taken as (4.3).
inline constexpr std::string_view kDefaultSchedule = "@weekly";

// The ConfigMap of csi-addons' controller, in its namespace, and those of its keys that concern
// rotation (4.5).
inline constexpr std::string_view kAddonsConfigMap = "csi-addons-config";
inline constexpr std::string_view kAddonsNamespace = "csi-addons-system";
inline constexpr std::string_view kPrecedenceKey = "schedule-precedence";
inline constexpr std::string_view kStaggerWindowKey = "cronjob-stagger-window";

// Values of kPrecedenceKey (4.2); the last is the older spelling of the second.
inline constexpr std::string_view kPrecedencePvc = "pvc";
inline constexpr std::string_view kPrecedenceStorageClass = "storageclass";
inline constexpr std::string_view kPrecedenceStorageClassOnly = "sc-only";

}  // namespace rbdcrypt::rotation
