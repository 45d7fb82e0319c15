#include "e2ee_keys.hpp"

#include <CLI/CLI.hpp>

namespace rtpx::cli {

void add_e2ee_keys(CLI::App& command, std::string& file) {
  command
      .add_option("--e2ee-keys", file,
                  "Keys of calls that were encrypted end to end, as JSON; - for standard input")
      ->type_name("FILE");
}

Result<std::shared_ptr<const E2eeKeys>> load_e2ee_keys(const std::string& file) {
  if (file.empty()) return nullptr;
  auto keys = E2eeKeys::load(file == "-" ? "/dev/stdin" : file);
  if (!keys && keys.error().code == Errc::malformed) keys.error().code = Errc::invalid_argument;
  return keys;
}

}  // namespace rtpx::cli
