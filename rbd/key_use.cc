// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "rbd/key_use.h"

#include <memory>
#include <set>
#include <utility>

#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::rbd {
namespace {

constexpr std::string_view kNewDeks = "new DEKs";
constexpr std::string_view kCurrentDek = "current DEK";
constexpr std::string_view kPreviousDek = "previous DEK";

}  // namespace

KeyUseSearch::KeyUseSearch(kms::Registry& registry, kms::KeyAdmin& admin, Options options)
    : registry_(registry), admin_(admin), options_(std::move(options)) {}

Status KeyUseSearch::AskEntries(const Context& context) {
  ASSIGN_OR_RETURN(const std::set<std::string> ids, registry_.Ids(context));
  for (const std::string& id : ids) {
    RETURN_IF_ERROR(AskEntry(context, id));
  }
  return OkStatus();
}

Status KeyUseSearch::AskEntry(const Context& context, const std::string& kms_id) {
  KeyUse use{.what = kNewDeks, .kms_id = kms_id};
  const Result<bool> is_of_provider = IsOfProvider(context, kms_id);
  if (!is_of_provider.ok()) {
    return CannotTell(std::move(use), is_of_provider.status());
  }
  if (!*is_of_provider) {
    return OkStatus();
  }
  const std::string nobody = Cat("rbdcrypt-check-", NewUuid());
  const Result<std::string> text = WrapForNobody(context, kms_id, nobody);
  if (!text.ok()) {
    return CannotTell(std::move(use), text.status());
  }
  return text->empty() ? OkStatus() : Ask(context, std::move(use), nobody, *text);
}

Result<bool> KeyUseSearch::IsOfProvider(const Context& context, const std::string& kms_id) {
  ASSIGN_OR_RETURN(const std::string mine, registry_.ProviderOf(context, options_.kms_id));
  ASSIGN_OR_RETURN(const std::string its, registry_.ProviderOf(context, kms_id));
  return mine == its;
}

// "" where the entry wraps nothing.
Result<std::string> KeyUseSearch::WrapForNobody(const Context& context,
                                                const std::string& kms_id,
                                                const std::string& volume_id) {
  const kms::RequestSecrets no_secrets;
  const Context each = context.WithTimeout(options_.timeout);
  ASSIGN_OR_RETURN(const std::shared_ptr<kms::Kms> kms,
                   registry_.Open(each, {.kms_id = kms_id, .tenant = "", .secrets = no_secrets}));
  if (kms->wrapper() == nullptr) {
    return std::string();
  }
  ASSIGN_OR_RETURN(const Secret dek, kms::NewDek(kms->dek_bytes()));
  return kms->wrapper()->WrapDek(each, volume_id, dek);
}

Status KeyUseSearch::AskPool(const Context& context, Pool& pool, const std::string& cluster_id) {
  pools_.push_back({.pool = pool.name(), .rados_namespace = pool.rados_namespace()});
  const KeyUse use{.pool = pool.name(), .rados_namespace = pool.rados_namespace()};
  const Status status = ForEachEncryptedImage(
      context, pool, {.cluster_id = cluster_id},
      [&](const Context& /*work*/, const EncryptedImage& found, Image* /*image*/) {
        return [&, found] { return AskImage(context, use, found); };
      });
  pools_.back().status = status;
  return status;
}

// On the calling thread.
Status KeyUseSearch::AskImage(const Context& context, KeyUse use, const EncryptedImage& found) {
  use.image = found;
  use.kms_id = found.kms_id;
  if (!found.status.ok()) {
    uses_.push_back(std::move(use));
    uses_.back().status = found.status;
    // Whether the cluster is silent is the walk's to say.
    return OkStatus();
  }
  if (found.wrapped_dek.empty() && found.previous_wrapped_dek.empty()) {
    return OkStatus();
  }
  const Result<bool> is_of_provider =
      found.kms_id.empty() ? Result<bool>(true) : IsOfProvider(context, found.kms_id);
  if (!is_of_provider.ok()) {
    return CannotTell(std::move(use), is_of_provider.status());
  }
  if (!*is_of_provider) {
    ++passed_over_[found.kms_id];
    return OkStatus();
  }
  use.what = kCurrentDek;
  RETURN_IF_ERROR(Ask(context, use, found.volume_id, found.wrapped_dek));
  use.what = kPreviousDek;
  return Ask(context, std::move(use), found.volume_id, found.previous_wrapped_dek);
}

Status KeyUseSearch::Ask(const Context& context,
                         KeyUse use,
                         std::string_view volume_id,
                         std::string_view text) {
  if (text.empty()) {
    return OkStatus();
  }
  if (use.image.has_value()) {
    ++pools_.back().deks;
  }
  const Result<bool> needs_it = IsNeeded(context, use.kms_id, volume_id, text);
  if (!needs_it.ok()) {
    return CannotTell(std::move(use), needs_it.status());
  }
  if (*needs_it) {
    uses_.push_back(std::move(use));
  }
  return OkStatus();
}

Result<bool> KeyUseSearch::IsNeeded(const Context& context,
                                    const std::string& kms_id,
                                    std::string_view volume_id,
                                    std::string_view text) {
  const Context each = context.WithTimeout(options_.timeout);
  const Result<bool> first = admin_.IsWrappedBy(each, volume_id, text, options_.key_id);
  if (first.ok() || IsTransient(first.status()) || kms_id.empty() || kms_id == options_.kms_id) {
    return first;
  }
  // Of a text that does not name its key, only who has that key can say that it is no other's.
  ASSIGN_OR_RETURN(kms::KeyAdmin* const own, AdminOf(each, kms_id));
  return own->IsWrappedBy(each, volume_id, text, options_.key_id);
}

Result<kms::KeyAdmin*> KeyUseSearch::AdminOf(const Context& context, const std::string& kms_id) {
  std::unique_ptr<kms::KeyAdmin>& admin = admins_[kms_id];
  if (admin == nullptr) {
    const kms::RequestSecrets no_secrets;
    ASSIGN_OR_RETURN(admin, registry_.OpenAdmin(
                                context, {.kms_id = kms_id, .tenant = "", .secrets = no_secrets}));
  }
  return admin.get();
}

// A transient error ends the search: it would be the same for all that follow.
Status KeyUseSearch::CannotTell(KeyUse use, const Status& why) {
  use.status = why;
  uses_.push_back(std::move(use));
  return IsTransient(why) ? why : OkStatus();
}

}  // namespace rbdcrypt::rbd
