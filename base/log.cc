// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

using spdlog::level::level_enum;

constexpr std::size_t kMaxValueBytes = 1024;

constexpr std::array<std::pair<std::string_view, level_enum>, 4> kLevels = {{
    {"debug", level_enum::debug},
    {"info", level_enum::info},
    {"warn", level_enum::warn},
    {"error", level_enum::err},
}};

constexpr char kTextPattern[] = "time=%Y-%m-%dT%H:%M:%S.%eZ %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";

// The one logger; it works, at info and as text, before InitLog too.
struct Log {
  Log() : logger("rbdcrypt", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    SetFormat(LogFormat::kText);
  }

  void SetFormat(LogFormat wanted) {
    format = wanted;
    logger.set_pattern(wanted == LogFormat::kText ? kTextPattern : kJsonPattern,
                       spdlog::pattern_time_type::utc);
  }

  spdlog::logger logger;
  std::atomic<LogFormat> format;
};

Log& TheLog() {
  static Log log;
  return log;
}

std::string Cut(std::string_view value) {
  return value.size() <= kMaxValueBytes ? std::string(value)
                                        : Cat(value.substr(0, kMaxValueBytes), "...");
}

bool IsControl(char c) {
  return (c >= 0 && c < 0x20) || c == 0x7f;
}

// Whether `value` stands in a line as it is: nothing to end it early and nothing to misread.
bool IsPlain(std::string_view value) {
  return !value.empty() && value.find_first_of(" \"=\\") == std::string_view::npos &&
         std::none_of(value.begin(), value.end(), IsControl);
}

void AppendEscaped(char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  if (c == '\n') {
    out += "\\n";
  } else if (c == '"' || c == '\\') {
    out += {'\\', c};
  } else if (IsControl(c)) {
    out += {'\\', 'x', kHex[static_cast<unsigned char>(c) >> 4], kHex[c & 0xf]};
  } else {
    out += c;
  }
}

std::string TextValue(std::string_view value) {
  std::string cut = Cut(value);
  if (IsPlain(cut)) {
    return cut;
  }
  std::string quoted = "\"";
  for (const char c : cut) {
    AppendEscaped(c, quoted);
  }
  return quoted += '"';
}

std::string JsonValue(std::string_view value) {
  using nlohmann::json;
  return json(Cut(value)).dump(-1, ' ', false, json::error_handler_t::replace);
}

void Write(const std::pair<std::string_view, level_enum>& level,
           std::string_view event,
           std::initializer_list<LogField> fields) {
  Log& log = TheLog();
  if (!log.logger.should_log(level.second)) {
    return;
  }
  const bool text = log.format == LogFormat::kText;
  std::string line = text ? Cat("level=", level.first, " event=", TextValue(event))
                          : Cat("\"level\":\"", level.first, "\",\"event\":", JsonValue(event));
  for (const LogField& field : fields) {
    line += text ? Cat(' ', field.key, '=', TextValue(field.value))
                 : Cat(',', JsonValue(field.key), ':', JsonValue(field.value));
  }
  log.logger.log(level.second, spdlog::string_view_t(line));
}

}  // namespace

Status InitLog(std::string_view level, LogFormat format) {
  for (const auto& [name, value] : kLevels) {
    if (name == level) {
      TheLog().SetFormat(format);
      TheLog().logger.set_level(value);
      return OkStatus();
    }
  }
  return InvalidArgument(Cat("no such log level: ", level, "; use debug, info, warn or error"));
}

void LogDebug(std::string_view event, std::initializer_list<LogField> fields) {
  Write(kLevels[0], event, fields);
}

void LogInfo(std::string_view event, std::initializer_list<LogField> fields) {
  Write(kLevels[1], event, fields);
}

void LogWarn(std::string_view event, std::initializer_list<LogField> fields) {
  Write(kLevels[2], event, fields);
}

void LogError(std::string_view event, std::initializer_list<LogField> fields) {
  Write(kLevels[3], event, fields);
}

}  // namespace rbdcrypt
