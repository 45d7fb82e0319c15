#include "s3/instance_metadata.hpp"

#include "base/ascii.hpp"
#include "s3/profile.hpp"

namespace rtpx::s3 {
namespace {

constexpr std::chrono::milliseconds kConnectTimeout{1000};  // other machines have nothing at that address
constexpr std::chrono::seconds kQuietTime{5};
constexpr const char* kRoles = "/latest/meta-data/iam/security-credentials/";

}  // namespace

Result<std::optional<TemporaryCredentials>> credentials_of_instance(Http& http) {
  if (lower(environment("AWS_EC2_METADATA_DISABLED").value_or("")) == "true") return std::nullopt;
  std::string base = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT").value_or("http://169.254.169.254");
  while (base.ends_with('/')) base.pop_back();
  std::string token;
  const auto ask = [&](const char* method, const std::string& path) {
    HttpRequest request;
    request.method = method;
    request.url = base + path;
    request.headers = {token.empty() ? "X-aws-ec2-metadata-token-ttl-seconds: 21600"
                                     : "X-aws-ec2-metadata-token: " + token};
    request.connect_timeout = kConnectTimeout;
    request.quiet_time = kQuietTime;
    request.direct = true;
    return http.perform(request);
  };
  const auto given = ask("PUT", "/latest/api/token");
  if (!given || given->status != 200 || given->body.empty() ||
      given->body.find_first_of("\r\n") != std::string::npos)
    return std::nullopt;
  token = given->body;
  const auto roles = ask("GET", kRoles);
  if (!roles || roles->status == 404) return std::nullopt;  // a machine without a role
  const std::string role = roles->body.substr(0, roles->body.find_first_of("\r\n"));
  const auto answer = ask("GET", kRoles + role);
  auto found = answer && answer->status == 200 ? parse_credentials_json(answer->body) : std::nullopt;
  if (!found)
    return fail(Errc::denied,
                "The machine's role " + role + " gives no credentials (" +
                    (answer ? "HTTP " + std::to_string(answer->status) : answer.error().message) + ").");
  return found;
}

}  // namespace rtpx::s3
