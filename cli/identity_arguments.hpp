#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rtpx/sealed.hpp"

namespace CLI {
class App;
}

namespace rtpx::cli {

/// `--identity FILE`, `--identity-fd N`, `--passphrase-fd N` of commands that read recordings. Secrets come from files,
/// descriptors or the terminal, never from the command line.
struct IdentityArguments {
  std::vector<std::string> files;
  std::vector<int> descriptors;
  std::optional<int> passphrase_descriptor;

  void add_to(CLI::App& command);
  /// Errors: as Identity::load(); invalid_argument.
  [[nodiscard]] Result<Identities> load() const;
};

/// Asks at the terminal, without showing what is typed; or, with a descriptor, reads a line from it, once for all.
/// Errors: invalid_argument: there is no terminal, or nothing to read.
[[nodiscard]] Passphrase ask_passphrase(std::optional<int> descriptor);
/// A new one: asks twice at a terminal. Errors: as above; invalid_argument: they differ, or it is empty.
[[nodiscard]] Result<std::string> new_passphrase(std::optional<int> descriptor, const std::string& of_what);

/// `--recipient KEY`: public keys, or @FILE with one a line.
void add_recipients(CLI::App& command, std::vector<std::string>& texts, const char* name = "--recipient",
                    const char* help = "Seal for this public key (rtpxpub1…, or @FILE of them); repeatable");
/// Errors: invalid_argument, not_found, io.
[[nodiscard]] Result<std::vector<Recipient>> parse_recipients(const std::vector<std::string>& texts);

}  // namespace rtpx::cli
