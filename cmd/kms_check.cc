// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "cmd/kms_check.h"

#include <chrono>
#include <iomanip>
#include <memory>

#include "base/clock.h"
#include "base/context.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metrics.h"
#include "cmd/key_managers.h"
#include "cmd/kubernetes.h"

namespace rbdcrypt::cmd {
namespace {

constexpr int kNameWidth = 16;

double Milliseconds(std::chrono::nanoseconds took) {
  return std::chrono::duration<double, std::milli>(took).count();
}

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

void PrintReportJson(const kms::CheckReport& report, std::ostream& out) {
  Json steps = Json::array();
  for (const kms::CheckStep& step : report.steps) {
    Json one = {
        {"name", step.name}, {"ok", step.status.ok()}, {"milliseconds", Milliseconds(step.took)}};
    if (!step.status.ok()) {
      one["code"] = CodeName(step.status.code());
      one["message"] = Message(step.status);
    }
    steps.push_back(std::move(one));
  }
  const Json object = {{"kmsId", report.kms_id},     {"provider", report.provider},
                       {"tenant", report.tenant},    {"ok", report.status().ok()},
                       {"leftOut", report.left_out}, {"steps", std::move(steps)}};
  out << object.dump() << "\n";
}

Result<bool> RunKmsCheck(const KmsCheckOptions& options, std::ostream& out) {
  RETURN_IF_ERROR(InitLog("error", LogFormat::kText));
  Metrics metrics;
  ASSIGN_OR_RETURN(const std::unique_ptr<Kubernetes> kubernetes,
                   Kubernetes::Find(k8s::ProcessEnvironment(), SystemClock(), "kms-check"));
  KeyManagers managers(
      {.config_file = options.kms_config, .vault_token_file = options.vault_token_file},
      kubernetes.get(), metrics);
  const Context context =
      Context::Background().WithTimeout(std::chrono::seconds(options.timeout_seconds));
  const kms::RequestSecrets no_secrets;
  const kms::CheckReport report =
      kms::Check(context, managers.registry(),
                 {.kms_id = options.kms_id, .tenant = options.tenant, .secrets = no_secrets});
  managers.Close();
  options.json ? PrintReportJson(report, out) : PrintReport(report, out);
  return report.status().ok();
}

}  // namespace rbdcrypt::cmd
