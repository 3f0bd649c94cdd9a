// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt {

// One line an event, on spdlog, to standard error:
//
//   time=2026-01-31T12:00:00.123Z level=info event="volume staged" volume=0001-0009-rbd-…
//
// or the same as one JSON object of strings. Values are quoted and escaped where they need it, so
// that no value can end its line or pose as another key, and cut at 1 KiB. Thread safe. Secrets
// never reach this (safety E1): a Secret has no text form, requests pass csi/redact first.
enum class LogFormat { kText, kJson };

// The key=value pairs of a line.
struct LogField {
  std::string_view key;
  std::string value = {};
};

// Sets level ("debug", "info", "warn", "error") and format, once at start; before it: info, text.
// kInvalidArgument: no such level.
Status InitLog(std::string_view level, LogFormat format);

void LogDebug(std::string_view event, std::initializer_list<LogField> fields = {});
void LogInfo(std::string_view event, std::initializer_list<LogField> fields = {});
void LogWarn(std::string_view event, std::initializer_list<LogField> fields = {});
void LogError(std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace rbdcrypt
