#pragma once

#include "fleet/bus.hpp"

namespace rtpx::fleet {

/// How the servers are reached. Secrets stand in files or in the environment, never in an argument; no message has one.
struct NatsOptions {
  std::string url;                   ///< "nats://host:4222", several with commas; "tls://…" wants TLS; "user:password@host"
  std::string name;                  ///< of this client, as the servers show it
  std::string creds_file;            ///< JWT and seed; empty: none
  std::string nkey, nkey_seed_file;  ///< public key, and the file of its seed; both or none
  std::string ca_file, cert_file, key_file;  ///< PEM; empty: the system's, and no client certificate
  bool wait_for_servers = false;  ///< connect when they come; else their absence is an error. A refusal is one anyway
  /// What the servers complain of later (missing permissions, mostly) and when they go and come back.
  std::function<void(const std::string& text)> on_message;
};

/// The bus of libnats and JetStream. Errors: network (away), denied (they refuse the login, or are not to be trusted),
/// invalid_argument (a file or URL).
[[nodiscard]] Result<std::shared_ptr<Bus>> connect_nats(const NatsOptions& options);

/// What `rtpx fleet init` makes.
struct FleetSetup {
  int replicas = 1;  ///< 3 where there are three servers
  Rules rules;
  bool update = false;  ///< change what is there and different
};
/// Creates streams, consumers and buckets, the only step that does. Answers what it found or did, a sentence
/// each. Errors: already_exists, naming what is there and different; those of Bus.
[[nodiscard]] Result<std::vector<std::string>> set_up_fleet(const NatsOptions& options,
                                                            const FleetSetup& setup);

}  // namespace rtpx::fleet
