#include "options.hpp"

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
  if (options.upload_url.empty()) return {};
  if (const auto url = parse_s3_url(options.upload_url); !url) return std::unexpected(url.error());
  return {};
}

}  // namespace rtpx::server
