// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_check.h"

#include <chrono>
#include <iomanip>
#include <memory>
#include <optional>
#include <utility>

#include "cmd/ceph_access.h"
#include "cmd/image_text.h"
#include "cmd/kms_session.h"
#include "cmd/volume_check.h"
#include "rbd/cluster.h"

namespace rbdcrypt::cmd {
namespace {

constexpr int kNameWidth = 16;

double Milliseconds(std::chrono::nanoseconds took) {
  return std::chrono::duration<double, std::milli>(took).count();
}

// The preflight of the entry says whether its DEKs can be asked for at all: if not, one error
// stands for all volumes.
Result<VolumeCheck> TryVolumes(const KmsCheckOptions& options,
                               const kms::CheckReport& report,
                               kms::Registry& registry,
                               const rbd::OnProof& on_proof) {
  if (!report.is_open || IsTransient(report.status())) {
    return Annotate(report.status(), "the key manager cannot be asked");
  }
  ASSIGN_OR_RETURN(const CephAccess ceph, ConnectToCeph(options.cluster));
  ASSIGN_OR_RETURN(const std::unique_ptr<rbd::Pool> pool,
                   ceph.connection->OpenPool(options.pool, options.rados_namespace.value_or(
                                                               ceph.cluster.rados_namespace)));
  return CheckVolumes(options, *pool, registry, on_proof);
}

VolumeCheck LookForVolumes(const KmsCheckOptions& options,
                           const kms::CheckReport& report,
                           kms::Registry& registry,
                           const rbd::OnProof& on_proof) {
  Result<VolumeCheck> check = TryVolumes(options, report, registry, on_proof);
  if (check.ok()) {
    return *std::move(check);
  }
  return {.cluster_id = options.cluster.cluster_id,
          .pool = options.pool,
          .rados_namespace = options.rados_namespace.value_or(""),
          .opened = options.open,
          .proof = {.status = check.status()}};
}

// Lines as soon as they are known, or one JSON object at the end.
class Telling {
 public:
  Telling(const KmsCheckOptions& options, const kms::CheckReport& report, std::ostream& out)
      : as_json_(options.kms.json), report_(report), out_(out) {
    if (!as_json_) {
      PrintReport(report_, out_);
    }
  }

  void Tell(const rbd::EncryptedImage& found, const rbd::VolumeProof& proof) {
    if (as_json_) {
      rows_.push_back(ProofJson(found, proof));
    } else {
      PrintProof(found, proof, out_);
    }
  }

  // Whether all went well.
  bool End(const std::optional<VolumeCheck>& volumes) {
    const bool is_ok = report_.status().ok() && (!volumes.has_value() || volumes->ok());
    if (as_json_) {
      Json object = ReportJson(report_);
      object["ok"] = is_ok;
      if (volumes.has_value()) {
        object["volumes"] = VolumeCheckJson(*volumes, std::move(rows_));
      }
      out_ << object.dump() << "\n";
    } else if (volumes.has_value()) {
      PrintVolumeCheck(*volumes, out_);
    }
    return is_ok;
  }

 private:
  const bool as_json_;
  const kms::CheckReport& report_;
  std::ostream& out_;
  Json rows_ = Json::array();
};

}  // namespace

void PrintReport(const kms::CheckReport& report, std::ostream& out) {
  out << "KMS \"" << report.kms_id << "\"";
  if (!report.provider.empty()) {
    out << ", provider " << report.provider;
  }
  if (!report.tenant.empty()) {
    out << ", tenant " << report.tenant;
  }
  out << "\n" << std::fixed << std::setprecision(1);
  for (const kms::CheckStep& step : report.steps) {
    out << (step.status.ok() ? "  ok      " : "  FAILED  ") << std::left << std::setw(kNameWidth)
        << step.name << std::right << std::setw(8) << Milliseconds(step.took) << " ms\n";
    if (!step.status.ok()) {
      out << "          " << CodeName(step.status.code()) << ": " << Message(step.status) << "\n";
    }
  }
  if (!report.left_out.empty()) {
    out << "  left out: " << report.left_out << "\n";
  }
}

Json ReportJson(const kms::CheckReport& report) {
  Json steps = Json::array();
  for (const kms::CheckStep& step : report.steps) {
    Json one = {
        {"name", step.name}, {"ok", step.status.ok()}, {"milliseconds", Milliseconds(step.took)}};
    if (!step.status.ok()) {
      one.update(StatusJson(step.status));
    }
    steps.push_back(std::move(one));
  }
  return {{"kmsId", report.kms_id},     {"provider", report.provider}, {"tenant", report.tenant},
          {"ok", report.status().ok()}, {"leftOut", report.left_out},  {"steps", std::move(steps)}};
}

Result<bool> RunKmsCheck(const KmsCheckOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::unique_ptr<KmsSession> session, KmsSession::Open(options.kms));
  const kms::RequestSecrets no_secrets;
  const kms::CheckReport report =
      kms::Check(session->context(), session->registry(),
                 {.kms_id = options.kms.kms_id, .tenant = options.tenant, .secrets = no_secrets});
  Telling telling(options, report, out);
  if (options.cluster.cluster_id.empty()) {
    return telling.End(std::nullopt);
  }
  return telling.End(
      LookForVolumes(options, report, session->background_registry(),
                     [&](const auto& found, const auto& proof) { telling.Tell(found, proof); }));
}

}  // namespace rbdcrypt::cmd
