#include "s3/token_service.hpp"

#include "s3/answers.hpp"
#include "s3/digest.hpp"
#include "s3/profile.hpp"
#include "s3/sign.hpp"

namespace rtpx::s3 {
namespace {

constexpr const char* kForm = "application/x-www-form-urlencoded";

using Parameters = std::map<std::string, std::string>;

std::string endpoint_of(const std::string& region) {
  for (const char* variable : {"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"})
    if (auto url = environment(variable)) return *url;
  return "https://sts." + region + ".amazonaws.com";
}

Parameters parameters_of(const std::string& action, const Role& role) {
  Parameters out = {{"Action", action},
                    {"Version", "2011-06-15"},
                    {"RoleArn", role.arn},
                    {"RoleSessionName", role.session_name}};
  if (!role.external_id.empty()) out["ExternalId"] = role.external_id;
  if (!role.duration_seconds.empty()) out["DurationSeconds"] = role.duration_seconds;
  return out;
}

/// `what`: whose request it was, for the message of a refusal.
Result<TemporaryCredentials> ask(Http& http, HttpRequest request, const std::string& what) {
  request.method = "POST";
  auto answer = http.perform(request);
  if (!answer) {
    answer.error().message =
        "Cannot reach the token service " + request.url + ": " + answer.error().message + ".";
    return std::unexpected(answer.error());
  }
  auto found = answer->status == 200 ? parse_sts_credentials(answer->body) : std::nullopt;
  if (found) return TemporaryCredentials{found->credentials, parse_expiration(found->expiration)};
  const ServiceError said = parse_service_error(answer->body);
  return fail(Errc::denied, "The token service refused " + what + " (HTTP " + std::to_string(answer->status) +
                                (said.code.empty() ? "" : ", " + said.code) + ")." +
                                (said.message.empty() ? "" : " It says: " + said.message));
}

}  // namespace

Result<TemporaryCredentials> assume_role(Http& http, const Role& role, const S3Credentials& base,
                                         const std::string& region) {
  HttpRequest request;
  request.url = endpoint_of(region);
  const std::string body = canonical_query(parameters_of("AssumeRole", role));
  const std::size_t host = request.url.find("://");
  SignedParts parts;
  parts.service = "sts";
  parts.method = "POST";
  parts.host = request.url.substr(host == request.url.npos ? 0 : host + 3);
  if (const auto slash = parts.host.find('/'); slash != parts.host.npos) parts.host.resize(slash);
  parts.encoded_path = "/";
  parts.headers = {{"content-type", kForm}};
  parts.payload_hash = hex(sha256(body));
  request.headers =
      sign(parts, base, region, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()));
  request.body = body;
  return ask(http, std::move(request), "role " + role.arn);
}

Result<TemporaryCredentials> assume_role_with_web_identity(Http& http, const Role& role,
                                                           const std::string& token_file,
                                                           const std::string& region) {
  std::string token = read_small_file(token_file);
  while (!token.empty() && std::isspace(static_cast<unsigned char>(token.back()))) token.pop_back();
  auto parameters = parameters_of("AssumeRoleWithWebIdentity", role);
  parameters["WebIdentityToken"] = token;
  HttpRequest request;
  request.url = endpoint_of(region);
  request.headers = {std::string("Content-Type: ") + kForm};
  request.body = canonical_query(parameters);
  return ask(http, std::move(request), "the web identity of " + token_file);
}

}  // namespace rtpx::s3
