// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/kmip_kms.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "base/strings.h"
#include "kmip/dek_text.h"
#include "kmip/exchange.h"
#include "kmip/fetched_kek.h"
#include "kmip/key_admin.h"
#include "kmip/key_state.h"
#include "kmip/names.h"
#include "kmip/unwrapping.h"
#include "kmip/wrapping.h"

namespace rbdcrypt::kmip {
namespace {

// ceph-csi's encryptionPassphraseSize (ceph-csi-compat 5.2).
constexpr std::size_t kCephCsiDekBytes = 20;

class KmipKms final : public kms::Kms, public kms::DekWrapper {
 public:
  KmipKms(std::shared_ptr<KmipFamily> family, KmipOptions options, kms::Urgency urgency)
      : family_(std::move(family)), options_(std::move(options)), urgency_(urgency) {}

  const std::string& id() const override { return options_.kms_id; }

  std::string_view provider() const override { return kProvider; }

  std::size_t dek_bytes() const override { return kCephCsiDekBytes; }

  DekWrapper* wrapper() override { return this; }

  Status Connect(const Context& context) override;

  Result<std::string> WrapDek(const Context& context,
                              std::string_view volume_id,
                              const Secret& dek) override;
  Result<Secret> UnwrapDek(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped) override;

 private:
  using Entry = std::shared_ptr<const OpenedEntry>;

  // Once for this object; an error is not kept.
  Result<Entry> Open(const Context& context);
  Result<std::string> WrapWith(const Context& context,
                               const OpenedEntry& entry,
                               std::string_view volume_id,
                               const Secret& dek) const;
  Result<Secret> UnwrapWith(const Context& context,
                            const OpenedEntry& entry,
                            std::string_view volume_id,
                            const DekText& text) const;
  Status Explain(const Context& context,
                 const OpenedEntry& entry,
                 const std::string& key_id,
                 KeyUse use,
                 const Status& refusal) const;
  std::string Step(std::string_view verb, std::string_view volume_id) const;

  const std::shared_ptr<KmipFamily> family_;
  const KmipOptions options_;
  const kms::Urgency urgency_;
  absl::Mutex mutex_;
  Entry entry_ ABSL_GUARDED_BY(mutex_);
};

Result<KmipKms::Entry> KmipKms::Open(const Context& context) {
  absl::MutexLock lock(&mutex_);
  if (entry_ == nullptr) {
    ASSIGN_OR_RETURN(entry_, family_->Open(context, options_, urgency_));
  }
  return entry_;
}

std::string KmipKms::Step(std::string_view verb, std::string_view volume_id) const {
  return Cat(verb, " the DEK of volume ", volume_id, " with KMS \"", options_.kms_id, "\"");
}

Status KmipKms::Explain(const Context& context,
                        const OpenedEntry& entry,
                        const std::string& key_id,
                        KeyUse use,
                        const Status& refusal) const {
  const Status explained = ExplainRefusal(
      context, {.client = entry.kept->client, .urgency = urgency_, .key_id = key_id, .use = use},
      refusal);
  return Annotate(explained, Cat(entry.kept->client.name(), ", key ", key_id));
}

Status KmipKms::Connect(const Context& context) {
  ASSIGN_OR_RETURN(const Entry entry, Open(context));
  KeyUse use = KeyUse::kEncrypt;
  const Status connected = entry->Run(context, [&](Session& session) -> Status {
    Wrapping wrapping(context, session, *entry);
    ASSIGN_OR_RETURN(const WrapWay way, wrapping.Choose());
    use = way.kind == WrapWay::Kind::kHere ? KeyUse::kGetToWrap : KeyUse::kEncrypt;
    return wrapping.CheckMayWrap(use);
  });
  return connected.ok() ? connected
                        : Annotate(Explain(context, *entry, entry->key_id, use, connected),
                                   Cat("KMS \"", options_.kms_id, "\""));
}

Result<std::string> KmipKms::WrapDek(const Context& context,
                                     std::string_view volume_id,
                                     const Secret& dek) {
  RETURN_IF_ERROR(context.Check("wrap a DEK"));
  if (dek.empty() || dek.size() > kMaxDekBytes) {
    return InvalidArgument(Cat(Step("wrap", volume_id), ": it has ", dek.size(),
                               " bytes instead of 1 to ", kMaxDekBytes));
  }
  const Result<Entry> entry = Open(context);
  Result<std::string> wrapped =
      entry.ok() ? WrapWith(context, **entry, volume_id, dek) : Result<std::string>(entry.status());
  if (!wrapped.ok()) {
    return Annotate(wrapped.status(), Step("wrap", volume_id));
  }
  return wrapped;
}

Result<std::string> KmipKms::WrapWith(const Context& context,
                                      const OpenedEntry& entry,
                                      std::string_view volume_id,
                                      const Secret& dek) const {
  std::string text;
  KeyUse use = KeyUse::kEncrypt;
  const Status wrapped = entry.Run(context, [&](Session& session) -> Status {
    Wrapping wrapping(context, session, entry);
    const Result<std::string> made = wrapping.Wrap(volume_id, dek);
    use = wrapping.use();
    RETURN_IF_ERROR(made.status());
    text = *made;
    return OkStatus();
  });
  if (!wrapped.ok()) {
    return Explain(context, entry, entry.key_id, use, wrapped);
  }
  return text;
}

Result<Secret> KmipKms::UnwrapDek(const Context& context,
                                  std::string_view volume_id,
                                  std::string_view wrapped) {
  RETURN_IF_ERROR(context.Check("unwrap a DEK"));
  // Parsed first: a damaged text costs no request.
  const Result<DekText> text = ParseDekText(wrapped);
  if (!text.ok()) {
    return Annotate(text.status(), Step("unwrap", volume_id));
  }
  const Result<Entry> entry = Open(context);
  Result<Secret> dek =
      entry.ok() ? UnwrapWith(context, **entry, volume_id, *text) : Result<Secret>(entry.status());
  if (!dek.ok()) {
    return Annotate(dek.status(), Step("unwrap", volume_id));
  }
  return dek;
}

Result<Secret> KmipKms::UnwrapWith(const Context& context,
                                   const OpenedEntry& entry,
                                   std::string_view volume_id,
                                   const DekText& text) const {
  const std::string& key_id = KeyOf(text, entry);
  // A KEK that is kept serves while the server is down, too.
  if (const auto kek = entry.kept->keks.Find(key_id); kek != nullptr) {
    return UnwrapWithKek(*kek, volume_id, text);
  }
  Secret dek;
  KeyUse use = KeyUse::kDecrypt;
  const Status unwrapped = entry.Run(context, [&](Session& session) -> Status {
    Unwrapping unwrapping(context, session, entry);
    Result<Secret> found = unwrapping.Unwrap(key_id, volume_id, text);
    use = unwrapping.use();
    RETURN_IF_ERROR(found.status());
    dek = *std::move(found);
    return OkStatus();
  });
  if (!unwrapped.ok()) {
    return Explain(context, entry, key_id, use, unwrapped);
  }
  return dek;
}

}  // namespace

Result<KmipOptions> CheckEntry(const KmipFamily& family, const kms::ConfigEntry& entry) {
  ASSIGN_OR_RETURN(KmipOptions options, ParseOptions(entry));
  if (options.credentials_dir.empty() && family.options().kubernetes == nullptr) {
    return Unimplemented(Cat("KMS \"", entry.id, "\" has its credentials in the Kubernetes Secret ",
                             options.secret_name, ", and this process does not reach Kubernetes: ",
                             "put its keys as files into a folder and name it in ",
                             kCredentialsDir));
  }
  return options;
}

kms::Provider MakeProvider(std::shared_ptr<KmipFamily> family, kms::Urgency urgency) {
  const auto open = [family, urgency](
                        const Context& /*context*/, const kms::ConfigEntry& entry,
                        const kms::KmsRequest& /*request*/) -> Result<std::shared_ptr<kms::Kms>> {
    ASSIGN_OR_RETURN(KmipOptions options, CheckEntry(*family, entry));
    return std::make_shared<KmipKms>(family, std::move(options), urgency);
  };
  const auto admin =
      [family, urgency](
          const Context& context, const kms::ConfigEntry& entry,
          const kms::KmsRequest& /*request*/) -> Result<std::unique_ptr<kms::KeyAdmin>> {
    ASSIGN_OR_RETURN(const KmipOptions options, CheckEntry(*family, entry));
    ASSIGN_OR_RETURN(const auto opened, family->Open(context, options, urgency));
    return MakeKeyAdmin(opened, CredentialsPlace(options, family->options().pod_namespace));
  };
  return {.open = open, .keeps_deks = false, .admin = admin};
}

}  // namespace rbdcrypt::kmip
