#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "fleet/nats_bus.hpp"
#include "ingest/webrtc/endpoint.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "server/http/address.hpp"
#include "server/http/gate.hpp"
#include "server/library/output_profile.hpp"

namespace rtpx::server {

/// Settings of `rtpx serve`; docs/operations.md explains each.
struct ServeOptions {
  std::string host = "127.0.0.1";
  int port = 8080;  ///< 0: any free one
  std::filesystem::path base_dir = "./recordings";
  WebRtcEndpoint::Options webrtc;

  /// STUN and TURN servers that publishers are told of: "stun:host:port",
  /// "turn:host;username=…;credential=…".
  std::vector<std::string> ice_servers;

  std::string token;                             ///< admin's; empty: none needed
  std::filesystem::path token_file;              ///< the same from a file; empty: none
  std::filesystem::path tokens_file;             ///< hashed tokens with scopes; empty: none
  std::vector<http::IpNetwork> trusted_proxies;  ///< whose X-Forwarded-… is believed
  bool insecure = false;                         ///< allows an open server on other addresses than loopback
  std::vector<std::string> allowed_origins;      ///< "https://example.org", for pages of other hosts
  std::string tls_cert, tls_key;                 ///< PEM; both or none

  std::uint64_t min_free_bytes = 1ULL << 30;  ///< packets are refused below it
  int keep_days = 0;                          ///< 0: nothing is deleted
  std::uint64_t keep_bytes = 0;               ///< 0: nothing is deleted

  double whip_rate = 10;  ///< new sessions a second for one address
  int whip_burst = 30;
  http::Gate::Limits connections;
  std::size_t max_event_streams = 8000;
  std::size_t max_ingests = 50;  ///< of plain RTP, at once
  std::size_t max_pulls = 50;    ///< of WHEP servers, at once
  std::size_t max_live_films = 2;  ///< of recordings under way, at once
  /// Networks of this side of the Internet that POST /api/pull may reach, besides public addresses.
  std::vector<http::IpNetwork> pull_allow;
  /// How long a recording with a key waits for somebody when the last one has left.
  std::chrono::milliseconds linger{30'000};

  std::filesystem::path command;  ///< the rtpx program, for conversions; empty: this one
  std::uint64_t conversion_memory_bytes = 4ULL << 30;
  int conversions_at_once = 1;
  bool packet_index = false;  ///< an ended recording gets one, before it is converted
  int sprites = 100;
  std::string pauses = "keep";  ///< of conversions: rtpx convert --pauses
  /// What a recording is converted into, the first one first: what is played where the recording cannot be. Not empty.
  std::vector<OutputProfile> outputs = {{.text = "auto", .name = "auto", .arguments = {"--format", "auto"}}};
  std::string on_converted;  ///< command for the shell; empty: none
  std::string public_url;    ///< what others reach this server by, "https://example.org"; empty: links are paths

  bool never_decrypt = false;  ///< calls encrypted end to end: the page offers the sealed files instead

  std::vector<Recipient> recipients;  ///< for whom recordings are sealed; none: they are plain
  Identities identities;              ///< open sealed recordings for everybody who may see them
  bool seal_output = false;           ///< what is made of a sealed recording is sealed for its recipients too

  std::string upload_url;  ///< s3://bucket/prefix for finished recordings; empty: they stay here only

  fleet::NatsOptions nats;  ///< with a URL: this is a node of a fleet, and workers convert
  std::string node_name;    ///< of this node; one of its own
  std::string node_url;     ///< "https://a.example.org": where publishers and others reach this node itself
  std::string store_url;    ///< of the fleet: what upload_url was given as; set by App

  std::vector<std::string> webhook_urls;
  std::string webhook_secret;
};

[[nodiscard]] inline bool is_fleet_node(const ServeOptions& options) { return !options.nats.url.empty(); }

/// The program that conversions, reports and uploads are children of.
[[nodiscard]] std::string program(const ServeOptions& options);

/// The folder for what is made of a recording, absolute, made when it is missing. Errors: io, also when a
/// symbolic link is in its place: what is written must not go elsewhere.
[[nodiscard]] Result<std::filesystem::path> output_folder(const std::filesystem::path& recording);

/// True for literals of 127.0.0.0/8 and ::1, and for localhost.
[[nodiscard]] bool is_loopback(const std::string& host);

/// "http://…" or "https://…", with a host and without spaces.
[[nodiscard]] bool is_http_url(const std::string& url);

/// Errors: invalid_argument, saying which option and why: an open server on a public address among them.
[[nodiscard]] Result<void> check(const ServeOptions& options);

}  // namespace rtpx::server
