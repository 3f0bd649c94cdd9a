// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <string_view>

namespace rbdcrypt::k8s {

// Strings that others write or read.

// Where a pod finds its API server (Kubernetes, "Accessing the API from a Pod").
inline constexpr std::string_view kServiceHostVariable = "KUBERNETES_SERVICE_HOST";
inline constexpr std::string_view kServicePortVariable = "KUBERNETES_SERVICE_PORT";

// The folder of the pod's own identity, and its files (same source).
inline constexpr std::string_view kServiceAccountFolder =
    "/var/run/secrets/kubernetes.io/serviceaccount";
inline constexpr std::string_view kTokenFile = "token";
inline constexpr std::string_view kCaFile = "ca.crt";
inline constexpr std::string_view kNamespaceFile = "namespace";

// Path of a kubeconfig to use instead (ceph-csi-compat 6.1).
inline constexpr std::string_view kConfigPathVariable = "KUBERNETES_CONFIG_PATH";

// Who we are in User-Agent, in managedFields of server-side apply, and as an Event's source.
inline constexpr std::string_view kProgram = "rbdcrypt";

// Groups and the version of each that is served by every Kubernetes since 1.19.
inline constexpr std::string_view kCoreGroup;
inline constexpr std::string_view kStorageGroup = "storage.k8s.io";
inline constexpr std::string_view kCoordinationGroup = "coordination.k8s.io";
inline constexpr std::string_view kVersion1 = "v1";

// Values of a Status object's "reason" (apimachinery, pkg/apis/meta/v1/types.go).
inline constexpr std::string_view kReasonAlreadyExists = "AlreadyExists";

// The cause in a Status that says a namespace is on its way out (core/v1,
// NamespaceTerminatingCause).
inline constexpr std::string_view kCauseNamespaceTerminating = "NamespaceTerminating";

// Media types (Kubernetes, "API Concepts"; RFC 7386).
inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kMergePatchType = "application/merge-patch+json";
inline constexpr std::string_view kApplyPatchType = "application/apply-patch+yaml";

// Asks for metadata alone, of one object and of a list.
inline constexpr std::string_view kMetadataType =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
inline constexpr std::string_view kMetadataListType =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

}  // namespace rbdcrypt::k8s
