// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "kms/check.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "base/uuid.h"

namespace rbdcrypt::kms {
namespace {

// What is stored is removed after the check's own time, too.
constexpr std::chrono::seconds kRemoveWithin(10);

// Opening asks nobody, so any name does where the real one is not known.
constexpr char kNobody[] = "nobody";

class Checking {
 public:
  Checking(const Context& context, Registry& registry, const KmsRequest& request)
      : context_(context), registry_(registry), request_(request) {
    report_.kms_id = request.kms_id;
    report_.tenant = request.tenant;
  }

  CheckReport Run() && {
    const bool is_read = Step("read the entry", [this] { return OpenKms(); });
    const bool goes_on = is_read && CanGoOn();
    report_.is_open =
        goes_on ? Step("log in", [this] { return kms_->Connect(context_); }) : is_read;
    if (goes_on && report_.is_open) {
      kms_->wrapper() != nullptr ? ProbeWrapper() : ProbeStore();
    }
    return std::move(report_);
  }

 private:
  bool Step(std::string_view name, const std::function<Status()>& run) {
    const Clock::TimePoint begun = context_.clock().Now();
    const Status status = run();
    report_.steps.push_back(
        {.name = name, .status = status, .took = context_.clock().Now() - begun});
    return status.ok();
  }

  Status OpenKms() {
    ASSIGN_OR_RETURN(
        kms_,
        registry_.Open(context_, {.kms_id = request_.kms_id,
                                  .tenant = request_.tenant.empty() ? kNobody : request_.tenant,
                                  .secrets = request_.secrets}));
    report_.provider = kms_->provider();
    return OkStatus();
  }

  bool CanGoOn() {
    if (kms_->identity() == Kms::Identity::kTenant && request_.tenant.empty()) {
      report_.left_out = "the rest needs a tenant: name the namespace of a PVC (--tenant)";
    }
    if (kms_->identity() == Kms::Identity::kRequest && request_.secrets.empty()) {
      report_.left_out = "the rest needs the StorageClass's Secret, which comes with each call";
    }
    return report_.left_out.empty();
  }

  void ProbeWrapper() {
    std::string wrapped;
    Secret probe;
    const bool is_wrapped = Step("wrap a probe", [&]() -> Status {
      ASSIGN_OR_RETURN(probe, NewDek(kms_->dek_bytes()));
      ASSIGN_OR_RETURN(wrapped, kms_->wrapper()->WrapDek(context_, volume_id_, probe));
      return OkStatus();
    });
    if (is_wrapped) {
      Step("unwrap it", [&]() -> Status {
        ASSIGN_OR_RETURN(const Secret found,
                         kms_->wrapper()->UnwrapDek(context_, volume_id_, wrapped));
        return Compare(found, probe);
      });
    }
  }

  void ProbeStore() {
    DekStore& store = *kms_->store();
    Secret probe;
    const bool is_stored = Step("store a probe", [&]() -> Status {
      ASSIGN_OR_RETURN(probe, NewDek(kms_->dek_bytes()));
      return store.Create(context_, volume_id_, probe).status();
    });
    if (is_stored) {
      Step("read it back", [&]() -> Status {
        ASSIGN_OR_RETURN(const StoredDek found, store.Fetch(context_, volume_id_));
        return Compare(found.dek, probe);
      });
    }
    // Also what a write without an answer may have left (safety B5).
    if (is_stored || IsUnknown(report_.status())) {
      Step("delete it", [&] {
        const Context own = Context({.clock = &context_.clock()}).WithTimeout(kRemoveWithin);
        return Annotate(store.Remove(own, volume_id_),
                        Cat("remove what is stored for \"", volume_id_, "\" by hand"));
      });
    }
  }

  static bool IsUnknown(const Status& status) {
    return IsTransient(status) || status.code() == Code::kDeadlineExceeded ||
           status.code() == Code::kCancelled;
  }

  static Status Compare(const Secret& found, const Secret& probe) {
    return SameSecret(found, probe)
               ? OkStatus()
               : DataLoss("the key manager gave back something else than was stored in it");
  }

  const Context& context_;
  Registry& registry_;
  const KmsRequest& request_;
  const std::string volume_id_ = Cat("rbdcrypt-check-", NewUuid());
  std::shared_ptr<Kms> kms_;
  CheckReport report_;
};

}  // namespace

const CheckStep* CheckReport::failure() const {
  const auto failed = std::find_if(steps.begin(), steps.end(),
                                   [](const CheckStep& step) { return !step.status.ok(); });
  return failed == steps.end() ? nullptr : &*failed;
}

Status CheckReport::status() const {
  const CheckStep* const failed = failure();
  return failed == nullptr ? OkStatus() : failed->status;
}

CheckReport Check(const Context& context, Registry& registry, const KmsRequest& request) {
  return Checking(context, registry, request).Run();
}

}  // namespace rbdcrypt::kms
