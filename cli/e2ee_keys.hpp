#pragma once

#include <memory>
#include <string>

#include "rtpx/e2ee.hpp"

namespace CLI {
class App;
}

namespace rtpx::cli {

/// `--e2ee-keys FILE`. A descriptor goes too: /dev/fd/4, and - is standard input.
void add_e2ee_keys(CLI::App& command, std::string& file);

/// The keys in it; null when none was named. Errors: as E2eeKeys::load(), but
/// for invalid_argument where they are no keys.
[[nodiscard]] Result<std::shared_ptr<const E2eeKeys>> load_e2ee_keys(const std::string& file);

}  // namespace rtpx::cli
