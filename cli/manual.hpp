#pragma once

#include <span>
#include <string>

#include "definitions.hpp"

namespace rtpx::cli {

/// The man page of a command (roff, man(7)); of the whole where it has no name. `all`: for SEE ALSO.
[[nodiscard]] std::string man_page(const CommandDefinition& command, std::span<const CommandDefinition> all);

/// A completion script for "bash", "zsh" or "fish"; empty for other shells.
[[nodiscard]] std::string completion(const std::string& shell, std::span<const CommandDefinition> all);

}  // namespace rtpx::cli
