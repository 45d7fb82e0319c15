#pragma once

#include <string>
#include <vector>

#include "rtpx/composer.hpp"

namespace CLI {
class App;
}

namespace rtpx::cli {

/// Makes a film by child processes, a slice each and as many at once as there are cores, and joins them. `command`:
/// `rtpx compose` as it was called; the children are called alike. A slice whose process died is made again. Nothing
/// is left but the film. Errors: as compose().
[[nodiscard]] Result<ComposeResult> compose_in_slices(const CLI::App& command,
                                                      const std::vector<std::string>& recordings,
                                                      const ComposeOptions& options, int slices);

}  // namespace rtpx::cli
