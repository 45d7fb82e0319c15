#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace rtpx::cli {

/// `rtpx help --man [COMMAND]`, `--completion bash|zsh|fish` and, for packages, `--write FOLDER` (all of them).
/// `words`: the command line without the program. The exit status; nullopt: it is something else.
[[nodiscard]] std::optional<int> make_help(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace rtpx::cli
