// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/metadata_dek_store.h"

#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "base/crash_point.h"
#include "base/encoding.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "rbd/first_metadata.h"
#include "rbd/names.h"

namespace rbdcrypt::rbd {
namespace {

std::string VersionOf(const std::string& text) {
  return HexEncode(Sha256(text));
}

}  // namespace

MetadataDekStore::MetadataDekStore(Image& image, kms::DekWrapper& wrapper, std::string kms_id)
    : image_(image), wrapper_(wrapper), kms_id_(std::move(kms_id)) {}

Result<std::string> MetadataDekStore::WrappedText(std::string_view volume_id) {
  ASSIGN_OR_RETURN(std::string text, FirstMetadata(image_, {kMetaDek, kMetaDekLegacy}));
  if (text.empty()) {
    return NotFound(
        Cat("volume ", volume_id, ": no DEK of KMS ", kms_id_, " is in the image's ", "metadata (",
            kMetaDek, "); restore that metadata from a backup, or the volume ", "from a snapshot"));
  }
  return text;
}

Result<kms::StoredDek> MetadataDekStore::Unwrap(const Context& context,
                                                std::string_view volume_id,
                                                const std::string& text) {
  ASSIGN_OR_RETURN(Secret dek, wrapper_.UnwrapDek(context, volume_id, text));
  return kms::StoredDek{std::move(dek), VersionOf(text)};
}

Result<kms::StoredDek> MetadataDekStore::Fetch(const Context& context, std::string_view volume_id) {
  ASSIGN_OR_RETURN(const std::string text, WrappedText(volume_id));
  return Unwrap(context, volume_id, text);
}

Result<std::string> MetadataDekStore::Create(const Context& context,
                                             std::string_view volume_id,
                                             const Secret& dek) {
  const Result<std::string> present = WrappedText(volume_id);
  if (present.ok()) {
    return AlreadyExists(Cat("volume ", volume_id, ": a DEK is stored already"));
  }
  if (present.status().code() != Code::kNotFound) {
    return present.status();
  }
  ASSIGN_OR_RETURN(const std::string text, wrapper_.WrapDek(context, volume_id, dek));
  RETURN_IF_ERROR(image_.SetMetadata(kMetaDek, text));
  return VersionOf(text);
}

Result<std::string> MetadataDekStore::Replace(const Context& context,
                                              std::string_view volume_id,
                                              std::string_view expected_version,
                                              const Secret& dek) {
  ASSIGN_OR_RETURN(const std::string current, WrappedText(volume_id));
  if (VersionOf(current) != expected_version) {
    return Aborted(Cat("volume ", volume_id, ": its DEK was changed by someone else; retry"));
  }
  ASSIGN_OR_RETURN(const std::string text, wrapper_.WrapDek(context, volume_id, dek));
  ASSIGN_OR_RETURN(const Secret replaced, wrapper_.UnwrapDek(context, volume_id, current));
  std::map<std::string, std::string> metadata = {{kMetaDek, text}};
  if (!SameSecret(replaced, dek)) {
    metadata.emplace(kMetaPreviousDek, current);
  }
  RETURN_IF_ERROR(AfterEffect("replace.dek", image_.SetAllMetadata(metadata)));
  return VersionOf(text);
}

Result<kms::StoredDek> MetadataDekStore::FetchPrevious(const Context& context,
                                                       std::string_view volume_id) {
  ASSIGN_OR_RETURN(const std::string text, FirstMetadata(image_, {kMetaPreviousDek}));
  if (text.empty()) {
    return NotFound(Cat("volume ", volume_id, ": no previous DEK is kept"));
  }
  return Unwrap(context, volume_id, text);
}

Status MetadataDekStore::RemovePrevious(const Context& /*context*/,
                                        std::string_view /*volume_id*/) {
  return image_.RemoveMetadata(kMetaPreviousDek);
}

Status MetadataDekStore::Remove(const Context& context, std::string_view volume_id) {
  RETURN_IF_ERROR(RemovePrevious(context, volume_id));
  RETURN_IF_ERROR(image_.RemoveMetadata(kMetaDek));
  return image_.RemoveMetadata(kMetaDekLegacy);
}

}  // namespace rbdcrypt::rbd
