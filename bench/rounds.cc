// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "bench/rounds.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <thread>

#include "base/strings.h"

namespace rbdcrypt::bench {
namespace {

using Seconds = std::chrono::duration<double>;
using SteadyClock = std::chrono::steady_clock;

// One round of a plan, worked off by all callers.
class Round {
 public:
  Round(const Plan& plan, std::size_t fetches, const Fetch& fetch)
      : plan_(plan), fetches_(fetches), fetch_(fetch) {
    if (plan.options.value("each", true)) {
      each_.resize(fetches);
    }
  }

  Result<Json> Run();

 private:
  void Serve(std::size_t caller);

  const Plan& plan_;
  const std::size_t fetches_;
  const Fetch& fetch_;
  std::atomic<std::size_t> next_ = 0;
  std::vector<double> each_;
  std::mutex mutex_;
  Status failure_;
};

void Round::Serve(std::size_t caller) {
  for (std::size_t number = next_++; number < fetches_; number = next_++) {
    const auto begun = SteadyClock::now();
    const Status fetched = fetch_(caller, plan_.targets[number % plan_.targets.size()]);
    if (!each_.empty()) {
      each_[number] = Seconds(SteadyClock::now() - begun).count();
    }
    if (!fetched.ok()) {
      const std::lock_guard<std::mutex> guard(mutex_);
      failure_ = fetched;
      next_ = fetches_;
      return;
    }
  }
}

// 0 where the system does not say.
std::size_t ResidentKib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::strtoul(line.c_str() + line.find(':') + 1, nullptr, 10);
    }
  }
  return 0;
}

Result<Json> Round::Run() {
  const auto begun = SteadyClock::now();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < plan_.callers; ++i) {
    threads.emplace_back([this, i] { Serve(i); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const Seconds taken = SteadyClock::now() - begun;
  RETURN_IF_ERROR(failure_);
  Json result = {{"seconds", taken.count()}, {"rssKib", ResidentKib()}};
  if (!each_.empty()) {
    result["each"] = each_;
  }
  return result;
}

}  // namespace

Result<Plan> ReadPlan(std::istream& in) {
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  ASSIGN_OR_RETURN(Json json, ParseJson(text, "the plan"));
  Plan plan;
  ASSIGN_OR_RETURN(plan.targets, StringArray(json, "targets", "the plan"));
  ASSIGN_OR_RETURN(const auto callers, OptionalInt(json, "callers", "the plan"));
  plan.callers = static_cast<std::size_t>(std::max<std::int64_t>(callers.value_or(0), 0));
  if (json.contains("rounds") && json["rounds"].is_array()) {
    for (const Json& fetches : json["rounds"]) {
      plan.rounds.push_back(fetches.is_number_unsigned() ? fetches.get<std::size_t>() : 0);
    }
  }
  if (plan.callers == 0 || plan.targets.empty() || plan.rounds.empty()) {
    return InvalidArgument("the plan lacks callers, rounds or targets");
  }
  plan.options = std::move(json);
  return plan;
}

Result<Json> RunRounds(const Plan& plan, const Fetch& fetch) {
  Json results = Json::array();
  for (const std::size_t fetches : plan.rounds) {
    ASSIGN_OR_RETURN(Json result, Round(plan, fetches, fetch).Run());
    results.push_back(std::move(result));
  }
  return results;
}

int Print(const std::string& program, const Result<Json>& outcome) {
  if (!outcome.ok()) {
    std::cerr << program << ": " << Message(outcome.status()) << "\n";
    return 1;
  }
  std::cout << outcome->dump() << "\n";
  return 0;
}

}  // namespace rbdcrypt::bench
