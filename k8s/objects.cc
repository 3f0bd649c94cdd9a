// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "k8s/objects.h"

#include <utility>

#include "k8s/fields.h"

namespace rbdcrypt::k8s {
namespace {

ObjectMeta ReadMeta(Fields& object) {
  Fields fields = object.Part("metadata");
  ObjectMeta meta = {.name = fields.Text("name"),
                     .ns = fields.Text("namespace"),
                     .uid = fields.Text("uid"),
                     .resource_version = fields.Text("resourceVersion"),
                     .annotations = fields.Texts("annotations"),
                     .labels = fields.Texts("labels"),
                     .created = fields.Time("creationTimestamp"),
                     .deleted = fields.Time("deletionTimestamp"),
                     .owners = {}};
  for (Fields& owner : fields.Parts("ownerReferences")) {
    meta.owners.push_back({.api_version = owner.Text("apiVersion"),
                           .kind = owner.Text("kind"),
                           .name = owner.Text("name"),
                           .uid = owner.Text("uid"),
                           .is_controller = owner.Bool("controller")});
    fields.Check(owner.status());
  }
  object.Check(fields.status());
  return meta;
}

std::string ReadPhase(Fields& object) {
  Fields status = object.Part("status");
  std::string phase = status.Text("phase");
  object.Check(status.status());
  return phase;
}

std::optional<ObjectName> ReadSecretReference(Fields& csi, std::string_view field) {
  Fields reference = csi.Part(field);
  if (!reference.present()) {
    csi.Check(reference.status());
    return std::nullopt;
  }
  ObjectName name = {.ns = reference.Text("namespace"), .name = reference.Text("name")};
  csi.Check(reference.status());
  return name;
}

std::optional<PersistentVolume::Csi> ReadCsi(Fields& spec) {
  Fields fields = spec.Part("csi");
  if (!fields.present()) {
    spec.Check(fields.status());
    return std::nullopt;
  }
  PersistentVolume::Csi csi = {
      .driver = fields.Text("driver"),
      .volume_handle = fields.Text("volumeHandle"),
      .attributes = fields.Texts("volumeAttributes"),
      .node_stage_secret = ReadSecretReference(fields, "nodeStageSecretRef"),
      .controller_expand_secret = ReadSecretReference(fields, "controllerExpandSecretRef"),
      .node_expand_secret = ReadSecretReference(fields, "nodeExpandSecretRef")};
  spec.Check(fields.status());
  return csi;
}

std::optional<ObjectReference> ReadReference(Fields& object, std::string_view field) {
  Fields fields = object.Part(field);
  if (!fields.present()) {
    object.Check(fields.status());
    return std::nullopt;
  }
  ObjectReference reference = {.api_version = fields.Text("apiVersion"),
                               .kind = fields.Text("kind"),
                               .ns = fields.Text("namespace"),
                               .name = fields.Text("name"),
                               .uid = fields.Text("uid")};
  object.Check(fields.status());
  return reference;
}

// The value, or the first error met while it was read.
template <typename T>
Result<T> Finish(const Fields& fields, T value) {
  RETURN_IF_ERROR(fields.status());
  return value;
}

}  // namespace

Result<ObjectMeta> ParseMeta(const Json& object, std::string_view what) {
  Fields fields(object, what);
  ObjectMeta meta = ReadMeta(fields);
  return Finish(fields, std::move(meta));
}

Result<ConfigMap> ParseConfigMap(const Json& object) {
  Fields fields(object, "ConfigMap");
  ConfigMap map = {.meta = ReadMeta(fields), .data = fields.Texts("data")};
  return Finish(fields, std::move(map));
}

Result<ServiceAccount> ParseServiceAccount(const Json& object) {
  Fields fields(object, "ServiceAccount");
  ServiceAccount account = {.meta = ReadMeta(fields), .secrets = {}};
  for (Fields& secret : fields.Parts("secrets")) {
    account.secrets.push_back(secret.Text("name"));
    fields.Check(secret.status());
  }
  return Finish(fields, std::move(account));
}

Result<Namespace> ParseNamespace(const Json& object) {
  Fields fields(object, "Namespace");
  Namespace result = {.meta = ReadMeta(fields), .phase = ReadPhase(fields)};
  return Finish(fields, std::move(result));
}

Result<PersistentVolumeClaim> ParsePersistentVolumeClaim(const Json& object) {
  Fields fields(object, "PersistentVolumeClaim");
  PersistentVolumeClaim claim;
  claim.meta = ReadMeta(fields);
  Fields spec = fields.Part("spec");
  claim.storage_class = spec.OptionalText("storageClassName");
  claim.volume_name = spec.Text("volumeName");
  fields.Check(spec.status());
  claim.phase = ReadPhase(fields);
  return Finish(fields, std::move(claim));
}

Result<PersistentVolume> ParsePersistentVolume(const Json& object) {
  Fields fields(object, "PersistentVolume");
  PersistentVolume volume;
  volume.meta = ReadMeta(fields);
  Fields spec = fields.Part("spec");
  volume.storage_class = spec.Text("storageClassName");
  volume.csi = ReadCsi(spec);
  volume.claim = ReadReference(spec, "claimRef");
  fields.Check(spec.status());
  volume.phase = ReadPhase(fields);
  return Finish(fields, std::move(volume));
}

Result<StorageClass> ParseStorageClass(const Json& object) {
  Fields fields(object, "StorageClass");
  StorageClass result = {.meta = ReadMeta(fields),
                         .provisioner = fields.Text("provisioner"),
                         .parameters = fields.Texts("parameters")};
  return Finish(fields, std::move(result));
}

Result<Lease> ParseLease(const Json& object) {
  Fields fields(object, "Lease");
  Lease lease;
  lease.meta = ReadMeta(fields);
  Fields spec = fields.Part("spec");
  lease.holder = spec.Text("holderIdentity");
  lease.duration_seconds = spec.Int("leaseDurationSeconds");
  // What is no time must not keep a lease from running out.
  lease.acquired = ParseTime(spec.Text("acquireTime"));
  lease.renewed = ParseTime(spec.Text("renewTime"));
  lease.transitions = spec.Int("leaseTransitions");
  fields.Check(spec.status());
  return Finish(fields, std::move(lease));
}

}  // namespace rbdcrypt::k8s
