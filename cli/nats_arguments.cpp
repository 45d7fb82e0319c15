#include "nats_arguments.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace rtpx::cli {

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  std::string out = name;
  for (char& c : out)
    if (!fleet::is_member_name(std::string(1, c))) c = '-';
  return out.substr(0, 64);
}

void add_nats_options(CLI::App& command, fleet::NatsOptions& options, bool required) {
  CLI::Option* const url =
      command
          .add_option("--nats", options.url,
                      "Servers of the fleet: nats://HOST:PORT or tls://…, several with commas")
          ->envname("RTPX_NATS")
          ->type_name("URL");
  if (required) url->required();
  command.add_option("--nats-creds", options.creds_file, "Credentials file: JWT and seed")
      ->envname("RTPX_NATS_CREDS")
      ->type_name("FILE");
  CLI::Option* const key = command.add_option("--nats-nkey", options.nkey, "Public NKey to log in with")
                               ->envname("RTPX_NATS_NKEY")
                               ->type_name("KEY");
  CLI::Option* const seed =
      command.add_option("--nats-nkey-seed", options.nkey_seed_file, "File of its seed")
          ->envname("RTPX_NATS_NKEY_SEED")
          ->type_name("FILE");
  key->needs(seed);
  seed->needs(key);
  command.add_option("--nats-ca", options.ca_file, "Certificate authorities of the servers, PEM")
      ->envname("RTPX_NATS_CA")
      ->type_name("FILE");
  CLI::Option* const certificate =
      command.add_option("--nats-cert", options.cert_file, "Certificate to log in with, PEM")
          ->envname("RTPX_NATS_CERT")
          ->type_name("FILE");
  CLI::Option* const private_key = command.add_option("--nats-key", options.key_file, "Its private key, PEM")
                                       ->envname("RTPX_NATS_KEY")
                                       ->type_name("FILE");
  certificate->needs(private_key);
  private_key->needs(certificate);
}

Result<void> check_nats_options(CLI::App& command, const fleet::NatsOptions& options) {
  const CLI::Option* url = command.get_option("--nats");
  const char* variable = std::getenv("RTPX_NATS");
  const bool is_argument = url->count() > 0 && (variable == nullptr || url->results().front() != variable);
  if (is_argument && url->results().front().find('@') != std::string::npos)
    return fail(Errc::invalid_argument,
                "--nats holds a password or token, and everybody on this machine can read a program's arguments. Put it into "
                "RTPX_NATS, or log in by --nats-creds, --nats-nkey or --nats-cert.");
  if (!options.creds_file.empty() && !options.nkey.empty())
    return fail(Errc::invalid_argument, "--nats-creds and --nats-nkey are two ways to log in: give one.");
  return {};
}

}  // namespace rtpx::cli
