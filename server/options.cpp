#include "server/options.hpp"

#include <algorithm>

#include "rtpx/s3.hpp"

namespace rtpx::server {

std::string program(const ServeOptions& options) {
  return options.command.empty() ? std::filesystem::read_symlink("/proc/self/exe").string()
                                 : options.command.string();
}

Result<std::filesystem::path> output_folder(const std::filesystem::path& recording) {
  const std::filesystem::path folder = std::filesystem::absolute(recording) / "output";
  std::error_code error;
  std::filesystem::create_directory(folder, error);
  if (std::filesystem::is_directory(std::filesystem::symlink_status(folder, error))) return folder;
  return fail(Errc::io, "Cannot write into " + folder.string() + ": it is no folder.");
}

bool is_http_url(const std::string& url) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (url.starts_with(scheme))
      return url.size() > scheme.size() && url[scheme.size()] != '/' &&
             std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c != 0x7F; });
  return false;
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  const bool brackets = host.starts_with('[') && host.ends_with(']');
  const auto address = http::IpAddress::parse(brackets ? host.substr(1, host.size() - 2) : host);
  return address && address->is_loopback();
}

Result<void> check(const ServeOptions& options) {
  if (!is_loopback(options.host) && options.token.empty() && options.token_file.empty() &&
      options.tokens_file.empty() && !options.insecure)
    return fail(Errc::invalid_argument,
                "Listening on " + options.host +
                    " without a token would let anyone record and delete. Give "
                    "--token-file, --tokens or --token, or --insecure if that is meant.");
  if (options.tls_cert.empty() != options.tls_key.empty())
    return fail(Errc::invalid_argument, "--tls-cert and --tls-key belong together; one is missing.");
  if (options.port < 0 || options.port > 65535)
    return fail(Errc::invalid_argument,
                "Port " + std::to_string(options.port) + " is not between 0 and 65535.");
  if (!options.public_url.empty() && !is_http_url(options.public_url))
    return fail(Errc::invalid_argument, "--public-url: \"" + options.public_url + "\" is no http:// or https:// address.");
  for (const std::string& url : options.webhook_urls)
    if (!is_http_url(url))
      return fail(Errc::invalid_argument, "--webhook: \"" + url + "\" is no http:// or https:// address.");
  if (is_fleet_node(options)) {
    if (options.upload_url.empty())
      return fail(Errc::invalid_argument, "--nats needs --upload: a fleet's recordings lie on S3.");
    if (options.outputs != ServeOptions().outputs)
      return fail(Errc::invalid_argument, "--output and --format are of a server that converts; with --nats workers do, into the default.");
    if (!fleet::is_member_name(options.node_name))
      return fail(Errc::invalid_argument, "\"" + options.node_name + "\" is no name of a node (--node-name): up to 64 letters, digits, - and _.");
    if (!options.node_url.empty() && !options.node_url.starts_with("http://") && !options.node_url.starts_with("https://"))
      return fail(Errc::invalid_argument, "--node-url is no http:// or https:// URL.");
  }
  if (options.upload_url.empty()) return {};
  if (const auto url = parse_s3_url(options.upload_url); !url) return std::unexpected(url.error());
  return {};
}

}  // namespace rtpx::server
