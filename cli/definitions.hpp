#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

/// What the command's own definitions say, for what is made from them: man pages and completions.
namespace rtpx::cli {

struct OptionDefinition {
  std::vector<std::string> names;  ///< "-o", "--output"; of a positional argument one name without hyphens
  std::string value;               ///< "DIR"; empty: it takes none
  std::vector<std::string> choices;  ///< where the value is one of these
  std::string help, variable;        ///< the environment variable; empty: none
  bool positional = false, required = false, several = false, optional_value = false;
};

struct CommandDefinition {
  std::string name;  ///< "convert"; of the whole: empty
  std::string help, footer;
  std::vector<OptionDefinition> options;
};

/// The whole first, then each subcommand.
[[nodiscard]] std::vector<CommandDefinition> definitions_of(const CLI::App& app);

}  // namespace rtpx::cli
