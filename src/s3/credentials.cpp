#include "s3/credentials.hpp"

#include <algorithm>

#include "base/json.hpp"
#include "base/utc_time.hpp"
#include "s3/credential_process.hpp"
#include "s3/instance_metadata.hpp"
#include "s3/token_service.hpp"

namespace rtpx::s3 {
namespace {

using Clock = std::chrono::system_clock;

constexpr std::chrono::minutes kSoon{15};
constexpr std::chrono::minutes kBeforeTheEnd{2};
constexpr std::size_t kLongestChain = 8;  // of profiles, each a role taken on by the next

std::string value_of(const ProfileValues& values, const char* key) {
  const auto at = values.find(key);
  return at == values.end() ? std::string() : at->second;
}

std::optional<TemporaryCredentials> keys_of(const ProfileValues& values) {
  const S3Credentials keys{value_of(values, "aws_access_key_id"), value_of(values, "aws_secret_access_key"),
                           value_of(values, "aws_session_token")};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return TemporaryCredentials{keys, Clock::time_point::max()};
}

std::string in_quotes(const std::string& profile) {
  return "\"" + profile + "\"";
}

/// Sign-ins through a browser; the AWS command hands out what they give.
bool signs_in_by_browser(const ProfileValues& values) {
  return std::ranges::any_of(values, [](const auto& entry) {
    return entry.first.starts_with("sso_") || entry.first == "login_session";
  });
}

Error no_browser(const std::string& profile) {
  return {Errc::denied,
          "Profile " + in_quotes(profile) +
              " signs in through a browser (SSO), which rtpx does not do. Let the AWS command do it: eval "
              "\"$(aws configure export-credentials --profile " +
              profile + " --format env)\", then run this again."};
}

Error needs_a_code(const std::string& profile) {
  return {Errc::denied,
          "The role of profile " + in_quotes(profile) +
              " needs a code from an MFA device (mfa_serial), which rtpx does not ask for. Let the AWS "
              "command do it: eval \"$(aws configure export-credentials --profile " +
              profile + " --format env)\", then run this again."};
}

}  // namespace

Clock::time_point parse_expiration(const std::string& iso) {
  if (iso.empty()) return Clock::time_point::max();
  if (const auto time = parse_utc(iso)) return Clock::time_point(time->time_since_epoch());
  return Clock::now() + kSoon;
}

std::optional<TemporaryCredentials> parse_credentials_json(std::string_view text) {
  const auto json = parse_json(text, "credentials");
  if (!json || !json->is_object()) return std::nullopt;
  const auto member = [&](const char* key) {
    const auto at = json->find(key);
    return at != json->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  std::string token = member("SessionToken");
  if (token.empty()) token = member("Token");
  S3Credentials keys{member("AccessKeyId"), member("SecretAccessKey"), token};
  if (keys.access_key_id.empty() || keys.secret_access_key.empty()) return std::nullopt;
  return TemporaryCredentials{std::move(keys), parse_expiration(member("Expiration"))};
}

CredentialSource::CredentialSource(S3Config config, Http& http) : config_(std::move(config)), http_(http) {}

Result<S3Credentials> CredentialSource::get() {
  if (config_.credentials) return *config_.credentials;
  const std::lock_guard lock(mutex_);
  if (!temporary_ || Clock::now() + kBeforeTheEnd >= temporary_->expires) {
    auto found = find();
    if (!found) return std::unexpected(found.error());
    if (!*found)
      return fail(Errc::denied,
                  "No S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give profile " +
                      in_quotes(chosen_profile(config_).name) + " in " + shared_credentials_file().string() +
                      ".");
    temporary_ = std::move(*found);
  }
  return temporary_->credentials;
}

CredentialSource::Found CredentialSource::find() {
  if (config_.profile.empty())
    if (auto found = from_environment(); found && *found) return found;
  if (auto found = from_profile(); !found || *found) return found;
  for (const auto source : {&CredentialSource::from_web_identity, &CredentialSource::from_container,
                            &CredentialSource::from_instance})
    if (auto found = (this->*source)(); !found || *found) return found;
  return std::nullopt;
}

CredentialSource::Found CredentialSource::from_environment() {
  const auto id = environment("AWS_ACCESS_KEY_ID");
  const auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (!id || !secret) return std::nullopt;
  return TemporaryCredentials{{*id, *secret, environment("AWS_SESSION_TOKEN").value_or("")}};
}

CredentialSource::Found CredentialSource::from_profile() {
  const ProfileChoice chosen = chosen_profile(config_);
  if (chosen.named && !read_profile(chosen.name))
    return fail(Errc::denied, "There is no profile " + in_quotes(chosen.name) + " in " +
                                  shared_credentials_file().string() + " or " +
                                  shared_config_file().string() + ".");
  return from_profile(chosen.name, {});
}

CredentialSource::Found CredentialSource::from_profile(const std::string& name,
                                                       std::vector<std::string> asked_for) {
  if (std::ranges::find(asked_for, name) != asked_for.end() || asked_for.size() == kLongestChain)
    return fail(Errc::denied,
                "The source_profile of profile " + in_quotes(asked_for.back()) + " leads in a circle.");
  const auto values = read_profile(name);
  if (!values && asked_for.empty()) return std::nullopt;
  if (!values)
    return fail(Errc::denied, "There is no profile " + in_quotes(name) + ", the source_profile of " +
                                  in_quotes(asked_for.back()) + ".");
  asked_for.push_back(name);
  if (values->contains("role_arn")) return from_role(name, *values, std::move(asked_for));
  if (auto keys = keys_of(*values)) return keys;
  if (const auto command = value_of(*values, "credential_process"); !command.empty()) {
    auto found = run_credential_process(command);
    if (!found) return std::unexpected(found.error());
    return std::move(*found);
  }
  if (signs_in_by_browser(*values)) return std::unexpected(no_browser(name));
  if (asked_for.size() > 1) return fail(Errc::denied, "Profile " + in_quotes(name) + " has no credentials.");
  return std::nullopt;
}

CredentialSource::Found CredentialSource::from_role(const std::string& name, const ProfileValues& values,
                                                    std::vector<std::string> asked_for) {
  Role role;
  role.arn = value_of(values, "role_arn");
  role.external_id = value_of(values, "external_id");
  role.duration_seconds = value_of(values, "duration_seconds");
  if (const auto session = value_of(values, "role_session_name"); !session.empty())
    role.session_name = session;
  if (values.contains("mfa_serial")) return std::unexpected(needs_a_code(name));
  const auto answer = [](Result<TemporaryCredentials> found) -> Found {
    if (!found) return std::unexpected(found.error());
    return std::move(*found);
  };
  if (const auto file = value_of(values, "web_identity_token_file"); !file.empty())
    return answer(assume_role_with_web_identity(http_, role, file, config_.region));

  Found base = std::nullopt;
  const std::string source = value_of(values, "source_profile"), kind = value_of(values, "credential_source");
  if (source == name)
    base = keys_of(values);
  else if (!source.empty())
    base = from_profile(source, std::move(asked_for));
  else if (kind == "Environment")
    base = from_environment();
  else if (kind == "EcsContainer")
    base = from_container();
  else if (kind == "Ec2InstanceMetadata")
    base = from_instance();
  else
    return fail(Errc::denied,
                "Profile " + in_quotes(name) +
                    " has a role_arn, but neither a source_profile nor a credential_source that rtpx "
                    "knows.");
  if (!base) return base;
  if (!*base)
    return fail(Errc::denied,
                "Profile " + in_quotes(name) + " takes on role " + role.arn +
                    ", but its source_profile or credential_source gives no credentials for that.");
  return answer(assume_role(http_, role, (*base)->credentials, config_.region));
}

CredentialSource::Found CredentialSource::from_web_identity() {
  const auto token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto arn = environment("AWS_ROLE_ARN");
  if (!token_file || !arn) return std::nullopt;
  Role role;
  role.arn = *arn;
  role.session_name = environment("AWS_ROLE_SESSION_NAME").value_or(role.session_name);
  auto found = assume_role_with_web_identity(http_, role, *token_file, config_.region);
  if (!found) return std::unexpected(found.error());
  return std::move(*found);
}

/// The endpoint that container services offer: JSON over HTTP.
CredentialSource::Found CredentialSource::from_container() {
  HttpRequest request;
  if (const auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
    request.url = "http://169.254.170.2" + *relative;
  else if (const auto full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    request.url = *full;
  else
    return std::nullopt;
  auto token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const auto file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) {
    token = read_small_file(*file);
    while (!token->empty() && std::isspace(static_cast<unsigned char>(token->back()))) token->pop_back();
  }
  if (token) request.headers.push_back("Authorization: " + *token);
  request.direct = true;
  auto answer = http_.perform(request);
  if (!answer) return std::unexpected(answer.error());
  auto found = answer->status == 200 ? parse_credentials_json(answer->body) : std::nullopt;
  if (!found)
    return fail(Errc::denied, "The container's credential endpoint gave none (HTTP " +
                                  std::to_string(answer->status) + ").");
  return found;
}

CredentialSource::Found CredentialSource::from_instance() {
  return credentials_of_instance(http_);
}

}  // namespace rtpx::s3
