// rtpx serve: a recorder that browsers and other WebRTC senders publish to.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "nats_arguments.hpp"
#include "server/app.hpp"
#include "server/log.hpp"

namespace rtpx::cli {
namespace {

using server::ServeOptions;

struct ServeArguments {
  ServeOptions options;
  std::string config;
  std::string listen = "127.0.0.1:8080";
  std::string log_level = "info", log_format = "text";
  std::string conversion_memory = "4G", min_free = "1G", keep_bytes = "0", max_bit_rate = "0";
  std::vector<std::string> trusted_proxies, pull_allow, recipients, formats, outputs;
  IdentityArguments identities;
  std::string max_bytes = "0";
  int connect_seconds = 30, max_duration = 0, linger_seconds = 30;
};

const char* const kServeFooter =
    R"text(Open the page at the address given and press Record, or point any WHIP sender (OBS, GStreamer) at /whip. Browsers
give camera and microphone to https and to localhost only: from other machines, use --tls-cert and --tls-key or a proxy.
Every option may also stand in the file of --config (name = value) or in the environment (RTPX_LISTEN, RTPX_TOKEN, …).

Examples:
  rtpx serve
  rtpx serve --output auto --output small=mp4:video=h264,size=640x360 --output sound=ogg:video=none
  rtpx serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --token-file token --advertise 203.0.113.7
  curl --data-binary @film.sdp -H 'Content-Type: application/sdp' 'http://127.0.0.1:8080/api/ingest?name=film')text";

Result<void> split_listen(const std::string& listen, ServeOptions& options) {
  const auto colon = listen.rfind(':');
  const std::string port = colon == listen.npos ? "" : listen.substr(colon + 1);
  if (port.empty() || port.find_first_not_of("0123456789") != port.npos || port.size() > 5)
    return fail(Errc::invalid_argument, "\"" + listen + "\" is no HOST:PORT to listen on.");
  options.host = listen.substr(0, colon);
  if (options.host.empty())
    return fail(Errc::invalid_argument, "\"" + listen + "\" names no host: write 127.0.0.1" + listen +
                                            " for this machine alone, 0.0.0.0" + listen + " for all.");
  options.port = std::stoi(port);
  return {};
}

/// "64M", "1G", "500": bytes, with binary multiples. CLI11 has checked the form.
std::uint64_t bytes_of(const std::string& text) {
  std::uint64_t value = std::stoull(text);
  switch (text.back()) {
    case 'K':
      return value << 10;
    case 'M':
      return value << 20;
    case 'G':
      return value << 30;
    case 'T':
      return value << 40;
    default:
      return value;
  }
}

const CLI::Validator kSize(
    [](std::string& text) -> std::string {
      const auto digits = text.find_first_not_of("0123456789");
      const bool good =
          !text.empty() && digits != 0 && text.size() < 18 &&
          (digits == text.npos ||
           (digits + 1 == text.size() && std::string("KMGT").find(text[digits]) != std::string::npos));
      return good ? "" : "\"" + text + "\" is no size; write a number of bytes, or 64M, 1G, …";
    },
    "SIZE");

/// Takes from the file what neither the command line nor the environment gave.
Result<void> read_config(CLI::App& command, const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(Errc::invalid_argument, "Cannot read the configuration file " + path + ".");
  try {
    for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(file)) {
      const std::string section = item.parents.empty() ? "" : item.parents.front();
      if (!section.empty() && (section != "serve" || item.parents.size() > 1))
        return fail(Errc::invalid_argument, path + " has a section [" + section +
                                                "]; options stand at the top, or under [serve].");
      if (item.name == "++" || item.name == "--") continue;  // where a section begins and ends
      CLI::Option* option = command.get_option_no_throw("--" + item.name);
      if (option == nullptr || item.name == "config")
        return fail(Errc::invalid_argument,
                    path + " has an option \"" + item.name + "\" that rtpx serve does not know.");
      if (option->count() > 0) continue;
      option->add_result(item.inputs);
      option->run_callback();
    }
  } catch (const CLI::Error& error) {
    return fail(Errc::invalid_argument, path + ": " + error.what());
  }
  return {};
}

/// Everybody on the machine can read a program's arguments.
bool token_is_an_argument(CLI::App& command) {
  const CLI::Option* option = command.get_option("--token");
  const char* variable = std::getenv("RTPX_TOKEN");
  return option->count() > 0 && (variable == nullptr || option->results().front() != variable);
}

/// A variable that a service's configuration left empty must not open what it was to close.
Result<void> refuse_empty_locks(CLI::App& command) {
  for (const char* name : {"--token", "--token-file", "--tokens", "--recipient", "--identity", "--tls-cert", "--tls-key"}) {
    const CLI::Option* option = command.get_option(name);
    const char* variable = std::getenv(option->get_envname().c_str());
    const bool empty_here = option->count() > 0 && std::ranges::count(option->results(), "") > 0;
    const bool empty_there = option->count() == 0 && variable != nullptr && *variable == '\0';
    if (empty_here || empty_there)
      return fail(Errc::invalid_argument, (empty_here ? name : option->get_envname()) +
                                              " is empty: give it a value, or leave it out to go without");
  }
  return {};
}

/// For whom recordings are sealed, and with what they are opened.
Result<void> read_keys(ServeArguments& arguments) {
  auto recipients = parse_recipients(arguments.recipients);
  if (!recipients) return std::unexpected(recipients.error());
  arguments.options.recipients = std::move(*recipients);
  auto loaded = arguments.identities.load();
  if (!loaded) return std::unexpected(loaded.error());
  arguments.options.identities = std::move(*loaded);
  return {};
}

/// What recordings are converted into: --format's first.
Result<void> read_outputs(ServeArguments& arguments) {
  std::vector<std::string> texts = arguments.formats;
  texts.insert(texts.end(), arguments.outputs.begin(), arguments.outputs.end());
  if (texts.empty()) return {};
  auto profiles = server::parse_output_profiles(texts);
  if (!profiles) return std::unexpected(profiles.error());
  arguments.options.outputs = *std::move(profiles);
  return {};
}

int serve(CLI::App& command, ServeArguments& arguments, const std::stop_token& stop) {
  ServeOptions& options = arguments.options;
  if (auto checked = refuse_empty_locks(command); !checked) {
    report("serve", checked.error());
    return kUsage;
  }
  const bool token_is_visible = token_is_an_argument(command);
  if (auto checked = check_nats_options(command, options.nats); !checked) {
    report("serve", checked.error());
    return kUsage;
  }
  if (!arguments.config.empty())
    if (auto read = read_config(command, arguments.config); !read) {
      report("serve", read.error());
      return kUsage;
    }
  if (auto split = split_listen(arguments.listen, options); !split) {
    report("serve", split.error());
    return kUsage;
  }
  if (options.node_name.empty()) options.node_name = host_name();
  options.min_free_bytes = bytes_of(arguments.min_free);
  options.conversion_memory_bytes = bytes_of(arguments.conversion_memory);
  options.keep_bytes = bytes_of(arguments.keep_bytes);
  options.webrtc.connect_timeout = std::chrono::seconds(arguments.connect_seconds);
  options.linger = std::chrono::seconds(arguments.linger_seconds);
  options.webrtc.max_bits_per_second = bytes_of(arguments.max_bit_rate);
  for (const auto& [texts, networks] : {std::pair(&arguments.trusted_proxies, &options.trusted_proxies),
                                        std::pair(&arguments.pull_allow, &options.pull_allow)}) {
    for (const std::string& text : *texts) {
      const auto network = http::IpNetwork::parse(text);
      if (!network) {
        report("serve",
               Error{Errc::invalid_argument, "\"" + text + "\" is no address or network like 10.0.0.0/8."});
        return kUsage;
      }
      networks->push_back(*network);
    }
  }
  options.webrtc.max_bytes = bytes_of(arguments.max_bytes);
  if (auto read = read_keys(arguments); !read) {
    report("serve", read.error());
    return kUsage;
  }
  if (auto read = read_outputs(arguments); !read) {
    report("serve", read.error());
    return kUsage;
  }
  options.webrtc.max_duration = std::chrono::seconds(arguments.max_duration);
  server::set_up_log(arguments.log_level, arguments.log_format);
  if (token_is_visible)
    server::log(server::LogLevel::warn,
                "--token can be read by everybody on this machine (ps); --token-file or RTPX_TOKEN cannot");
  const auto served = server::serve(options, stop, [](const std::string& url) {
    std::printf("%s\n", url.c_str());
    std::fflush(stdout);
  });
  if (served) return kDone;
  report("serve", served.error());
  return served.error().code == Errc::invalid_argument ? kUsage : kFailed;
}

}  // namespace

void add_serve(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<ServeArguments>();
  ServeOptions& options = arguments->options;
  CLI::App* const command =
      app.add_subcommand("serve", "Receive WebRTC publishers (WHIP), with a page, an API and metrics");
  command->footer(kServeFooter);
  command->add_option("--config", arguments->config, "Read options from FILE")
      ->envname("RTPX_CONFIG")
      ->type_name("FILE");
  const auto add = [&](const std::string& name, auto& value, const std::string& help,
                       const std::string& type) {
    std::string variable = "RTPX_" + name.substr(2);
    for (char& c : variable)
      c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return command->add_option(name, value, help)->envname(variable)->type_name(type);
  };
  add("--listen", arguments->listen, "Address of page and API (default 127.0.0.1:8080)", "HOST:PORT");
  add("--udp-port", options.webrtc.udp_port, "Port of all media (default 9000), of the first media thread",
      "PORT");
  add("--media-threads", options.webrtc.media_threads,
      "Threads that receive, each with its own UDP port from --udp-port on (default 1)", "N")
      ->check(CLI::Range(1, 64));
  add("--advertise", options.webrtc.advertise,
      "Address that publishers reach this machine at (default: all local ones)", "ADDRESS");
  add("--ice-server", options.ice_servers,
      "STUN or TURN server that publishers are told of: stun:HOST:PORT, turn:HOST;username=U;credential=C",
      "URL");
  add("--udp-listen", options.webrtc.listen, "Local address to receive media on (default: all)", "ADDRESS");
  add("--base-dir", options.base_dir, "Folder of the recordings (default ./recordings)", "DIR");
  add("--token", options.token, "Who knows it may record, see and delete", "TOKEN");
  add("--token-file", options.token_file, "The same, read from FILE; again at SIGHUP", "FILE");
  add("--tokens", options.tokens_file,
      "Tokens with scopes: lines of SCOPES SHA256 [NAME], SCOPES of record, view, admin", "FILE");
  command->add_flag("--insecure", options.insecure, "Allow everyone on other addresses than loopback")
      ->envname("RTPX_INSECURE");
  add("--origin", options.allowed_origins, "Origin of another page that may use this server", "URL");
  add("--tls-cert", options.tls_cert, "Certificate chain, PEM; read again at SIGHUP", "FILE");
  add("--tls-key", options.tls_key, "Its private key, PEM", "FILE");
  add("--max-sessions", options.webrtc.max_sessions, "Publishers at once (default 200)", "N");
  add("--max-waiting", options.webrtc.max_unconnected,
      "Of these, publishers that are not connected yet (default 100)", "N")
      ->check(CLI::Range(1, 100000));
  add("--connect-timeout", arguments->connect_seconds, "Time that a publisher has to connect (default 30)",
      "SECONDS")
      ->check(CLI::Range(1, 3600));
  add("--linger", arguments->linger_seconds,
      "Time that a recording of several waits when the last one has left (default 30)", "SECONDS")
      ->check(CLI::Range(0, 86'400));
  add("--max-ingests", options.max_ingests, "Senders of plain RTP at once (default 50)", "N")
      ->check(CLI::Range(0, 1000));
  add("--max-bit-rate", arguments->max_bit_rate, "Bits a second for each publisher; 0: no limit (default)",
      "SIZE")
      ->check(kSize);
  add("--max-pulls", options.max_pulls, "WHEP servers that are recorded at once (default 50)", "N")
      ->check(CLI::Range(0, 10000));
  add("--max-live-films", options.max_live_films, "Films that follow recordings under way, at once (default 2)", "N")
      ->check(CLI::Range(0, 100));
  add("--pull-allow", arguments->pull_allow,
      "A network, such as 10.0.0.0/8, that POST /api/pull may reach besides public addresses; repeatable", "NETWORK");
  add("--trusted-proxy", arguments->trusted_proxies,
      "Proxy whose X-Forwarded-For and X-Forwarded-Proto are believed", "ADDRESS[/BITS]");
  add("--max-connections", options.connections.connections, "HTTP connections at once (default 10000)", "N")
      ->check(CLI::Range(16, 1000000));
  add("--max-guests", options.connections.guests_per_address,
      "Of these, for one address, connections without an authorized request (default 256)", "N")
      ->check(CLI::Range(1, 1000000));
  add("--max-event-streams", options.max_event_streams, "Of these, streams of /api/events (default 8000)",
      "N")
      ->check(CLI::Range(1, 1000000));
  add("--max-duration", arguments->max_duration, "End a recording after so long; 0: no limit (default)",
      "SECONDS")
      ->check(CLI::Range(0, 1 << 30));
  add("--max-bytes", arguments->max_bytes,
      "End a recording after so much RTP and RTCP; 0: no limit (default)", "SIZE")
      ->check(kSize);
  add("--whip-rate", options.whip_rate, "New sessions a second for one address (default 10)", "N")
      ->check(CLI::Range(0.01, 1e6));
  add("--whip-burst", options.whip_burst, "New sessions at once for one address (default 30)", "N")
      ->check(CLI::Range(1, 1000000));
  add("--min-free", arguments->min_free, "Begin nothing, and refuse packets, when less disk is free (default 1G)", "SIZE")
      ->check(kSize);
  add("--keep-days", options.keep_days, "Delete recordings after so many days; 0: never (default)", "N")
      ->check(CLI::Range(0, 100000));
  add("--keep-bytes", arguments->keep_bytes, "Delete the oldest beyond this; 0: never (default)", "SIZE")
      ->check(kSize);
  add("--pauses", options.pauses,
      "Pauses in what conversions make: a gap as long as they were, or no time at all", "keep|cut")
      ->check(CLI::IsMember({"keep", "cut"}));
  add("--conversions", options.conversions_at_once, "Conversions at once (default 1)", "N")
      ->check(CLI::Range(1, 64));
  command->add_flag("--packet-index", options.packet_index, "Make each recording that has ended open at once, as `rtpx index` does")
      ->envname("RTPX_PACKET_INDEX");
  add("--output", arguments->outputs,
      "Convert into this too: a format, or NAME=FORMAT:OPTION=VALUE,… such as small=mp4:video=h264,size=640x360; repeatable",
      "PROFILE")
      ->allow_extra_args(false)
      ->delimiter(' ');
  command
      ->add_option("--format", arguments->formats,
                   "The same for formats alone: auto (default), webm, mkv, mp4, fmp4, ogg, wav; several, such as auto mp4")
      ->envname("RTPX_FORMAT")
      ->type_name("FORMAT")
      ->expected(1, 10)
      ->delimiter(',')
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(server::kFormats), std::end(server::kFormats))));
  add("--on-converted", options.on_converted,
      "Run COMMAND by the shell for each converted recording, with the result as JSON on its standard input", "COMMAND");
  add("--public-url", options.public_url, "What others reach this server by, for links in webhooks", "URL");
  add("--conversion-memory", arguments->conversion_memory, "Memory of a conversion (default 4G)", "SIZE")
      ->check(kSize);
  add("--recipient", arguments->recipients, "Seal recordings for this public key (rtpxpub1…, or @FILE); repeatable",
      "KEY")
      ->allow_extra_args(false);
  add("--identity", arguments->identities.files,
      "Identity file that opens sealed recordings for everybody who may see them; not beside --recipient, if you can; "
      "repeatable",
      "FILE")
      ->allow_extra_args(false);
  command->add_option("--identity-fd", arguments->identities.descriptors, "The same from an open descriptor")
      ->type_name("N")
      ->allow_extra_args(false);
  command
      ->add_option("--passphrase-fd", arguments->identities.passphrase_descriptor,
                   "Read the identity's passphrase from this descriptor, not from the terminal")
      ->type_name("N");
  command->add_flag("--seal-output", options.seal_output, "Seal what is made of sealed recordings for their recipients")
      ->envname("RTPX_SEAL_OUTPUT");
  command
      ->add_flag("--never-decrypt-on-server", options.never_decrypt,
                 "Take no keys of calls encrypted end to end; offer the sealed files")
      ->envname("RTPX_NEVER_DECRYPT_ON_SERVER");
  add("--upload", options.upload_url, "Store finished recordings there (keys and endpoint: AWS_* variables)",
      "s3://BUCKET/PREFIX");
  add_nats_options(*command, options.nats, false);
  add("--node-name", options.node_name, "With --nats: of this node in the fleet (default: the host's)", "NAME");
  add("--node-url", options.node_url, "With --nats: where publishers reach this node itself", "URL");
  add("--webhook", options.webhook_urls, "URL to tell what happens", "URL");
  add("--webhook-secret", options.webhook_secret, "Signs what is told", "SECRET");
  add("--log-level", arguments->log_level, "debug, info (default), warn or error", "LEVEL")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  add("--log-format", arguments->log_format, "text (default) or json", "FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback(
      [arguments, command, &program] { program.exit_code = serve(*command, *arguments, program.stop()); });
}

}  // namespace rtpx::cli
