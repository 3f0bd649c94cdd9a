// SPDX-License-Identifier: Apache-2.0
// Copyright the rbdcrypt authors
#include "base/subprocess.h"

#include <algorithm>

#include "base/strings.h"

namespace rbdcrypt {
namespace {

// What an error quotes of a program's output, from its end.
constexpr std::size_t kLastWordsBytes = 1024;

std::string_view LastWords(const CommandOutput& output) {
  const std::string_view error = Trim(output.standard_error);
  const std::string_view said = error.empty() ? Trim(output.standard_output) : error;
  return said.substr(said.size() - std::min(said.size(), kLastWordsBytes));
}

}  // namespace

Result<CommandOutput> Subprocess::RunChecked(const Context& context, const Command& command) {
  ASSIGN_OR_RETURN(CommandOutput output, Run(context, command));
  if (output.exit_code != 0) {
    const std::string_view said = LastWords(output);
    return Internal(Cat(command.argv.front(), " ended with exit code ", output.exit_code, ": ",
                        said.empty() ? "it said nothing" : said));
  }
  return output;
}

}  // namespace rbdcrypt
