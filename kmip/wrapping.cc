// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kmip/wrapping.h"

#include <memory>
#include <utility>

#include "base/strings.h"
#include "kmip/dek_text.h"
#include "kmip/exchange.h"
#include "kmip/fetched_kek.h"
#include "kmip/names.h"
#include "kms/envelope.h"

namespace rbdcrypt::kmip {

Result<WrapWay> Wrapping::Choose() {
  const std::optional<bool> wants_rpc = entry_.options.use_crypto_rpc;
  if (wants_rpc == false) {
    return ChooseHere();
  }
  ASSIGN_OR_RETURN(const std::optional<WrapWay> way, ChooseOfServer());
  if (way.has_value()) {
    return *way;
  }
  if (wants_rpc == true) {
    return Unimplemented(Cat("KMIP at ", session_.server(),
                             " does not wrap by itself in a way that ",
                             "can be used (Encrypt and Decrypt with AES-CBC, or AES-GCM with ",
                             "additional data): leave ", kUseCryptoRpc, " out, so that the key is ",
                             "fetched and used by this driver, or name another server"));
  }
  return ChooseHere();
}

Result<std::optional<WrapWay>> Wrapping::ChooseOfServer() {
  using Kind = WrapWay::Kind;
  ASSIGN_OR_RETURN(const bool encrypts, abilities_.Has(Operation::kEncrypt));
  ASSIGN_OR_RETURN(const bool decrypts, abilities_.Has(Operation::kDecrypt));
  if (!encrypts || !decrypts) {
    return std::optional<WrapWay>();
  }
  const bool is_aead = entry_.options.format == WrapFormat::kAead;
  if (is_aead) {
    ASSIGN_OR_RETURN(const std::optional<GcmDialect> dialect,
                     abilities_.Gcm(entry_.key_id, GcmUse::kWithAdditionalData));
    if (dialect.has_value()) {
      return std::optional(WrapWay{.kind = Kind::kServerGcm, .dialect = *dialect});
    }
  }
  ASSIGN_OR_RETURN(const bool has_cbc, abilities_.Cbc(entry_.key_id));
  return has_cbc
             ? std::optional(WrapWay{.kind = is_aead ? Kind::kServerOneTimeKey : Kind::kServerCbc})
             : std::nullopt;
}

Result<WrapWay> Wrapping::ChooseHere() {
  ASSIGN_OR_RETURN(const bool gives, abilities_.Has(Operation::kGet));
  if (!gives) {
    return Unimplemented(Cat("KMIP at ", session_.server(), " gives no key out (no Get), and ",
                             entry_.options.use_crypto_rpc.has_value()
                                 ? Cat(kUseCryptoRpc, " is \"false\": leave it out")
                                 : Cat("does not wrap by itself: name another server"),
                             " in the entry"));
  }
  return WrapWay{.kind = WrapWay::Kind::kHere};
}

Result<std::string> Wrapping::Wrap(std::string_view volume_id, const Secret& dek) {
  ASSIGN_OR_RETURN(const WrapWay way, Choose());
  return way.kind == WrapWay::Kind::kHere ? WrapHere(volume_id, dek)
                                          : WrapByServer(way, volume_id, dek);
}

Result<std::string> Wrapping::WrapByServer(const WrapWay& way,
                                           std::string_view volume_id,
                                           const Secret& dek) {
  ServerCipher cipher(context_, session_, entry_.key_id);
  if (way.kind == WrapWay::Kind::kServerCbc) {
    ASSIGN_OR_RETURN(CbcSealed sealed, cipher.CbcSeal(dek));
    return kms::FormatEnvelope(
        {.ciphertext = std::move(sealed.data), .nonce = std::move(sealed.iv)});
  }
  AeadText text = {.key_id = entry_.key_id};
  if (way.kind == WrapWay::Kind::kServerGcm) {
    ASSIGN_OR_RETURN(GcmSealed sealed,
                     cipher.GcmSeal(way.dialect, AeadAdditionalData(text, volume_id), dek));
    text.nonce = std::move(sealed.nonce);
    text.data = std::move(sealed.data);
    return FormatAeadText(text);
  }
  text.mode = AeadText::Mode::kCbc;
  ASSIGN_OR_RETURN(const Secret one_time_key, RandomSecret(kOneTimeKeyBytes));
  ASSIGN_OR_RETURN(CbcSealed sealed, cipher.CbcSeal(one_time_key));
  text.iv = std::move(sealed.iv);
  text.one_time_key = std::move(sealed.data);
  RETURN_IF_ERROR(SealInto(text, one_time_key, volume_id, dek));
  return FormatAeadText(text);
}

Result<std::string> Wrapping::WrapHere(std::string_view volume_id, const Secret& dek) {
  use_ = KeyUse::kGetToWrap;
  if (entry_.kept->keks.Find(entry_.key_id) == nullptr) {
    RETURN_IF_ERROR(CheckMayWrap(use_));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const Secret> kek,
                   FetchKek(context_, session_, entry_.kept->keks, entry_.key_id));
  return WrapWithKek({.id = entry_.key_id, .kek = *kek}, entry_.options.format, volume_id, dek);
}

Status Wrapping::CheckMayWrap(KeyUse use) {
  const Result<KeyAttributes> key = Exchange<KeyAttributes>(
      context_, session_, GetAttributesRequest(entry_.key_id), ReadAttributes);
  if (key.ok()) {
    return CheckKey(*key, use, entry_.key_id);
  }
  const Code code = key.status().code();
  const bool does_not_tell = code == Code::kPermissionDenied || code == Code::kUnimplemented;
  return does_not_tell ? OkStatus() : key.status();
}

}  // namespace rbdcrypt::kmip
