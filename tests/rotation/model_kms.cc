// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
//
// The key manager of tests/rotation/model_parts.h, with all that a write to it can come to.
#include "base/strings.h"
#include "tests/rotation/model_parts.h"

namespace rbdcrypt::testing {
namespace {

constexpr std::string_view kWrapped = "wrapped ";

// What becomes of a write.
enum Fate { kDone, kNotDone, kAnswerLost, kLate, kTwice, kForgotten, kFates };

Status NoAnswer() {
  return Unavailable("the key manager does not answer");
}

}  // namespace

bool ModelKms::IsWrapper() const {
  return actor_.world.config().store == ModelStore::kInTheImage;
}

bool ModelKms::CanCompareAndSet() const {
  return actor_.world.config().store == ModelStore::kComparesAndSets;
}

Result<kms::StoredDek> ModelKms::Fetch(const Context& /*context*/, std::string_view /*volume_id*/) {
  ModelWorld& world = actor_.world;
  actor_.Point("fetch");
  if (actor_.is_dead) {
    return NoAnswer();
  }
  stale_.reset();
  if (world.deks != world.deks_before && world.ChooseFault(actor_, world.left.kms_faults, 2) == 1) {
    stale_ = world.deks_before;
  }
  ModelDeks answer = stale_.value_or(world.deks);
  if (!sent_.empty() && world.Is(Mutation::kTrustAnswers)) {
    answer = {.current = sent_, .previous = answer.current, .version = answer.version};
    stale_ = answer;
  }
  actor_.Learn(Cat("current ", answer.current, " ", answer.version));
  return kms::StoredDek{.dek = world.DekOf(answer.current),
                        .version = std::to_string(answer.version)};
}

Result<kms::StoredDek> ModelKms::FetchPrevious(const Context& /*context*/,
                                               std::string_view /*volume_id*/) {
  if (actor_.is_dead) {
    return NoAnswer();
  }
  const ModelDeks& answer = stale_.has_value() ? *stale_ : actor_.world.deks;
  actor_.Learn(Cat("previous ", answer.previous));
  if (answer.previous.empty()) {
    return NotFound("no previous DEK is kept");
  }
  return kms::StoredDek{.dek = actor_.world.DekOf(answer.previous), .version = "previous"};
}

Result<std::string> ModelKms::Create(const Context& /*context*/,
                                     std::string_view /*volume_id*/,
                                     const Secret& /*dek*/) {
  return Unimplemented("no rotation creates");
}

Result<std::string> ModelKms::Replace(const Context& context,
                                      std::string_view /*volume_id*/,
                                      std::string_view expected_version,
                                      const Secret& dek) {
  ModelWorld& world = actor_.world;
  const std::string name = world.NameOf(dek);
  actor_.Point(Cat("store ", name));
  RETURN_IF_ERROR(context.Check("store"));
  if (actor_.is_dead) {
    return NoAnswer();
  }
  if (name == world.deks.current && world.Is(Mutation::kFenceDoesNothing)) {
    return std::string(expected_version);
  }
  const bool compares = !world.Is(Mutation::kStoreWithoutCompare);
  if (compares && expected_version != std::to_string(world.deks.version)) {
    actor_.Learn("refused");
    return Aborted("the version is another by now");
  }
  const int fate = world.ChooseFault(actor_, world.left.kms_faults, kFates);
  const ModelWorld::Late write{
      .dek = name, .version = world.deks.version, .compares = compares && CanCompareAndSet()};
  if (fate == kDone || fate == kAnswerLost || fate == kTwice) {
    world.Store(write);
  }
  if (fate == kLate || fate == kTwice) {
    world.late.push_back(write);
  }
  const bool is_answered = fate == kDone || fate == kTwice || fate == kForgotten;
  if (is_answered) {
    sent_ = name;
  }
  actor_.Learn(is_answered ? "stored" : "no answer");
  return is_answered ? Result<std::string>(std::to_string(write.version + 1)) : NoAnswer();
}

Status ModelKms::RemovePrevious(const Context& /*context*/, std::string_view /*volume_id*/) {
  return Unimplemented("the model keeps a previous DEK");
}

Status ModelKms::Remove(const Context& /*context*/, std::string_view /*volume_id*/) {
  return Unimplemented("no rotation removes");
}

Result<std::string> ModelKms::WrapDek(const Context& /*context*/,
                                      std::string_view /*volume_id*/,
                                      const Secret& dek) {
  return Cat(kWrapped, actor_.world.NameOf(dek));
}

Result<Secret> ModelKms::UnwrapDek(const Context& /*context*/,
                                   std::string_view /*volume_id*/,
                                   std::string_view wrapped) {
  return actor_.world.DekOf(std::string(wrapped.substr(kWrapped.size())));
}

}  // namespace rbdcrypt::testing
