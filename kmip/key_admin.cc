// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/key_admin.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "kmip/credentials.h"
#include "kmip/dek_text.h"
#include "kmip/key_state.h"
#include "kmip/names.h"
#include "kmip/operations.h"
#include "kmip/reasons.h"
#include "kmip/unwrapping.h"
#include "net/arrival.h"

namespace rbdcrypt::kmip {
namespace {

constexpr int kTries = 2;

// Whether the server may have done what it was asked, though it did not say so.
bool MayHaveActed(const Status& status) {
  return ReasonOf(status).has_value() ? RetryClassOf(status) != RetryClass::kPermanent
                                      : net::MayHaveArrived(status);
}

std::string_view Outcome(bool may_have_acted) {
  return may_have_acted ? "; the key manager may have done it" : "; it was not done";
}

bool IsDestroyed(const Result<KeyAttributes>& key) {
  return key.ok() ? key->state == State::kDestroyed || key->state == State::kDestroyedCompromised
                  : IsGone(key.status());
}

// A DEK is text, and a passphrase that people chose mostly, too.
bool IsPrintable(const Secret& dek) {
  const auto is_printable = [](char c) { return c >= 0x20 && c < 0x7F; };
  return !dek.empty() && std::ranges::all_of(dek.RevealText(), is_printable);
}

class KmipKeyAdmin final : public kms::KeyAdmin {
 public:
  KmipKeyAdmin(std::shared_ptr<const OpenedEntry> entry, std::string place)
      : entry_(std::move(entry)), place_(std::move(place)) {}

  Result<NewKey> CreateKey(const Context& context, int bits, std::string_view name) override;
  Result<bool> IsWrappedBy(const Context& context,
                           std::string_view volume_id,
                           std::string_view wrapped,
                           std::string_view key_id) override;
  Status DestroyKey(const Context& context, std::string_view key_id) override;

 private:
  using Ids = std::vector<std::string>;
  using IsDone = std::function<bool(const Result<KeyAttributes>& key)>;

  template <typename T>
  Result<T> Ask(const Context& context,
                const Request& request,
                Result<T> (*read)(const Answer& answer)) const;
  Result<Ids> Locate(const Context& context, std::string_view name) const;
  Result<KeyAttributes> Attributes(const Context& context, const std::string& key_id) const;
  Status Step(const Context& context, const Request& request, const IsDone& is_done) const;
  Status RefuseName(const Context& context, std::string_view name) const;
  Result<std::string> Create(const Context& context, int bits, const std::string& name) const;
  Status Prove(const Context& context,
               const std::string& key_id,
               int bits,
               std::string_view name) const;
  Status Open(const Context& context,
              const std::string& key_id,
              std::string_view volume_id,
              const kms::Envelope& envelope) const;
  std::string NextStep(const std::string& key_id) const;
  std::string Named(std::string_view text) const;

  const std::shared_ptr<const OpenedEntry> entry_;
  const std::string place_;
};

std::string KmipKeyAdmin::Named(std::string_view text) const {
  return Cat("KMS \"", entry_->options.kms_id, "\": ", text);
}

template <typename T>
Result<T> KmipKeyAdmin::Ask(const Context& context,
                            const Request& request,
                            Result<T> (*read)(const Answer& answer)) const {
  T value;
  const Status asked = entry_->Run(context, [&](Session& session) -> Status {
    ASSIGN_OR_RETURN(const Answer answer, session.Ask(context, request));
    ASSIGN_OR_RETURN(value, read(answer));
    return OkStatus();
  });
  if (!asked.ok()) {
    return asked;
  }
  return value;
}

Result<KmipKeyAdmin::Ids> KmipKeyAdmin::Locate(const Context& context,
                                               std::string_view name) const {
  return Ask<Ids>(context, LocateRequest(std::string(name)), ReadLocated);
}

Result<KeyAttributes> KmipKeyAdmin::Attributes(const Context& context,
                                               const std::string& key_id) const {
  return Ask<KeyAttributes>(context, GetAttributesRequest(key_id), ReadAttributes);
}

// Takes a step until the key's attributes show that it is done. A refusal is an answer, unless the
// step was done before, by a try whose answer was lost. What is not known is not taken again.
Status KmipKeyAdmin::Step(const Context& context,
                          const Request& request,
                          const IsDone& is_done) const {
  Status step;
  bool may_have_acted = false;
  for (int i = 0; i < kTries; ++i) {
    step = Ask<std::string>(context, request, ReadKeyId).status();
    may_have_acted = may_have_acted || MayHaveActed(step);
    const Result<KeyAttributes> key =
        step.ok() ? KeyAttributes() : Attributes(context, request.key_id);
    if (step.ok() || is_done(key)) {
      return OkStatus();
    }
    if (!MayHaveActed(step) || !key.ok()) {
      break;
    }
  }
  return Annotate(step, Named(Cat(NameOf(request.operation), " key ", request.key_id,
                                  Outcome(may_have_acted))));
}

Status KmipKeyAdmin::RefuseName(const Context& context, std::string_view name) const {
  ASSIGN_OR_RETURN(const Ids ids, Locate(context, name));
  if (ids.empty()) {
    return OkStatus();
  }
  std::string state;
  if (const auto key = Attributes(context, ids.front()); key.ok() && key->state.has_value()) {
    state = Cat(", state ", NameOf(*key->state));
  }
  return AlreadyExists(Named(Cat("there is a key of the name ", name, " already (", Join(ids, ", "),
                                 state, "): take another name; one that an interrupted run left ",
                                 "in state ", NameOf(State::kPreActive), " may be destroyed")));
}

Result<std::string> KmipKeyAdmin::Create(const Context& context,
                                         int bits,
                                         const std::string& name) const {
  Status failed;
  bool may_have_acted = false;
  for (int i = 0; i < kTries; ++i) {
    Result<std::string> made = Ask<std::string>(context, CreateRequest(bits, name), ReadKeyId);
    if (made.ok()) {
      return made;
    }
    failed = made.status();
    may_have_acted = may_have_acted || MayHaveActed(failed);
    if (!MayHaveActed(failed)) {
      break;
    }
    const Result<Ids> ids = Locate(context, name);
    if (!ids.ok()) {
      break;
    }
    if (!ids->empty()) {
      return ids->front();
    }
  }
  return Annotate(failed,
                  Named(Cat(NameOf(Operation::kCreate), " key ", name, Outcome(may_have_acted),
                            may_have_acted ? ", so look for that name there first" : "")));
}

Status KmipKeyAdmin::Prove(const Context& context,
                           const std::string& key_id,
                           int bits,
                           std::string_view name) const {
  ASSIGN_OR_RETURN(const Ids ids, Locate(context, name));
  if (ids != Ids{key_id}) {
    return FailedPrecondition(
        Named(Cat("the new key is not the only one of the name ", name, ": ", Join(ids, ", "),
                  "; another run made one at the same ", "time: destroy those that nothing uses")));
  }
  ASSIGN_OR_RETURN(const KeyAttributes key, Attributes(context, key_id));
  RETURN_IF_ERROR(CheckKey(key, KeyUse::kEncrypt, key_id));
  if (key.length_bits.value_or(bits) != bits) {
    return FailedPrecondition(Named(Cat("the server made key ", key_id, " with ", *key.length_bits,
                                        " bits instead of ", bits)));
  }
  return OkStatus();
}

std::string KmipKeyAdmin::NextStep(const std::string& key_id) const {
  std::string step = Cat("put ", key_id, " into ", kUniqueIdentifier, " of ", place_,
                         "; from then on it wraps new DEKs");
  if (entry_->options.format == WrapFormat::kCephCsi) {
    step += Cat(". DEKs in ceph-csi's format do not name their key: those that the present one (",
                entry_->key_id, ") wrapped could not be unwrapped any more. So set ", kWrapFormat,
                " to \"", kAeadFormat, "\" and wrap them anew before");
  }
  return step;
}

Result<kms::KeyAdmin::NewKey> KmipKeyAdmin::CreateKey(const Context& context,
                                                      int bits,
                                                      std::string_view name) {
  if (bits != 128 && bits != 192 && bits != 256) {
    return InvalidArgument(Named("a key has 128, 192 or 256 bits"));
  }
  if (!IsKeyId(name)) {
    return InvalidArgument(
        Named(Cat("the name of a key has 1 to ", kMaxKeyIdBytes, " printable ASCII characters")));
  }
  RETURN_IF_ERROR(RefuseName(context, name));
  ASSIGN_OR_RETURN(const std::string key_id, Create(context, bits, std::string(name)));
  RETURN_IF_ERROR(Step(context, ActivateRequest(key_id), [](const Result<KeyAttributes>& key) {
    return key.ok() && key->state == State::kActive;
  }));
  RETURN_IF_ERROR(Prove(context, key_id, bits, name));
  return NewKey{.id = key_id, .next_step = NextStep(key_id)};
}

// OK: with that key, and so with no other, the text opens to what a DEK can be.
Status KmipKeyAdmin::Open(const Context& context,
                          const std::string& key_id,
                          std::string_view volume_id,
                          const kms::Envelope& envelope) const {
  Secret dek;
  RETURN_IF_ERROR(entry_->Run(context, [&](Session& session) -> Status {
    ASSIGN_OR_RETURN(dek,
                     Unwrapping(context, session, *entry_).Unwrap(key_id, volume_id, envelope));
    return OkStatus();
  }));
  const bool is_authenticated = envelope.nonce.size() != kCbcIvBytes;
  return is_authenticated || IsPrintable(dek) ? OkStatus() : DataLoss("it opens to no text");
}

Result<bool> KmipKeyAdmin::IsWrappedBy(const Context& context,
                                       std::string_view volume_id,
                                       std::string_view wrapped,
                                       std::string_view key_id) {
  std::string what = Named(Cat("volume ", volume_id));
  const Result<DekText> text = ParseDekText(wrapped);
  if (!text.ok()) {
    return Annotate(text.status(), what);
  }
  if (const auto* const aead = std::get_if<AeadText>(&*text); aead != nullptr) {
    return aead->key_id == key_id;
  }
  what +=
      ": it cannot be told by which key its DEK was wrapped, for ceph-csi's format does not "
      "name it";
  std::string why;
  for (const std::string& tried : {std::string(key_id), entry_->key_id}) {
    const Status opened = Open(context, tried, volume_id, std::get<kms::Envelope>(*text));
    if (opened.ok()) {
      return tried == key_id;
    }
    if (IsTransient(opened)) {
      return Annotate(opened, what);
    }
    why += Cat("; not by ", tried, ": ", Message(opened));
  }
  return FailedPrecondition(Cat(what, why, ". Another key did, or the text is damaged"));
}

Status KmipKeyAdmin::DestroyKey(const Context& context, std::string_view key_id) {
  if (key_id == entry_->key_id) {
    return FailedPrecondition(
        Named(Cat("key ", key_id, " is the one that the entry wraps with (", kUniqueIdentifier,
                  " of ", place_, "): put another one there before")));
  }
  const std::string id(key_id);
  const Result<KeyAttributes> key = Attributes(context, id);
  if (key.status().code() != Code::kNotFound && IsDestroyed(key)) {
    return OkStatus();
  }
  if (!key.ok()) {
    return Annotate(key.status(), Named(Cat("look at key ", id, ", which was left as it is")));
  }
  if (key->object_type.value_or(ObjectType::kSymmetricKey) != ObjectType::kSymmetricKey) {
    return FailedPrecondition(Named(Cat(id, " is no symmetric key, and was left as it is")));
  }
  if (key->state.value_or(State::kActive) == State::kActive) {
    RETURN_IF_ERROR(Step(context, RevokeRequest(id), [](const Result<KeyAttributes>& revoked) {
      return revoked.ok() && revoked->state != State::kActive;
    }));
  }
  return Step(context, DestroyRequest(id), IsDestroyed);
}

}  // namespace

std::unique_ptr<kms::KeyAdmin> MakeKeyAdmin(std::shared_ptr<const OpenedEntry> entry,
                                            std::string place) {
  return std::make_unique<KmipKeyAdmin>(std::move(entry), std::move(place));
}

}  // namespace rbdcrypt::kmip
