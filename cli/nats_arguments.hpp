#pragma once

#include "fleet/nats_bus.hpp"

namespace CLI {
class App;
}

namespace rtpx::cli {

/// --nats and how to log in there. Passwords and seeds stand in files or in RTPX_NATS, never in an argument.
void add_nats_options(CLI::App& command, fleet::NatsOptions& options, bool required);

/// After parsing, before a file of options is read. Errors: invalid_argument: a secret stands in an argument, or two logins
/// are given.
[[nodiscard]] Result<void> check_nats_options(CLI::App& command, const fleet::NatsOptions& options);

/// The host's name as that of a member of a fleet: these have no dots.
[[nodiscard]] std::string host_name();

}  // namespace rtpx::cli
