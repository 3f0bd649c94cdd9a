// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/status.h"

namespace rbdcrypt {

// One line an event: "level event key=value …" or the same as one JSON object. On spdlog, to
// standard error. Values are quoted where they need it and cut at 1 KiB; secrets never reach this
// (safety E1), requests pass csi/redact first.
enum class LogFormat { kText, kJson };

// The key=value pairs of a line.
struct LogField {
  std::string_view key;
  std::string value;
};

// Sets level ("debug", "info", "warn", "error") and format, once at start.
// kInvalidArgument: no such level.
Status InitLog(std::string_view level, LogFormat format);

void LogDebug(std::string_view event, std::initializer_list<LogField> fields = {});
void LogInfo(std::string_view event, std::initializer_list<LogField> fields = {});
void LogWarn(std::string_view event, std::initializer_list<LogField> fields = {});
void LogError(std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace rbdcrypt
