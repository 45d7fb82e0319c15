#include "s3/credentials.hpp"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <pugixml.hpp>
#include <sstream>

#include "s3/sign.hpp"

namespace rtpx::s3 {
namespace {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string trim(std::string_view text) {
  const auto blank = " \t\r\n";
  const auto from = text.find_first_not_of(blank);
  if (from == text.npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(blank) - from + 1));
}

std::filesystem::path aws_file(const char* variable, const char* name) {
  if (auto path = environment(variable)) return *path;
  return std::filesystem::path(environment("HOME").value_or("/")) / ".aws" / name;
}

std::string profile_of(const S3Config& config) {
  if (!config.profile.empty()) return config.profile;
  return environment("AWS_PROFILE").value_or("default");
}

std::chrono::system_clock::time_point parse_time(const std::string& iso) {
  std::tm parts{};
  if (strptime(iso.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr)
    return std::chrono::system_clock::now() + std::chrono::minutes(15);
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::optional<std::string> ini_value(const std::string& text, const std::string& profile,
                                     const std::string& key) {
  std::istringstream lines(text);
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    line = trim(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string name = trim(line.substr(1, line.find(']') - 1));
      if (name.starts_with("profile ")) name = trim(name.substr(8));
      inside = name == profile;
      continue;
    }
    const auto equals = line.find('=');
    if (inside && equals != line.npos && trim(line.substr(0, equals)) == key)
      return trim(line.substr(equals + 1));
  }
  return std::nullopt;
}

S3Config complete(S3Config config) {
  const std::string shared = read_text(aws_file("AWS_CONFIG_FILE", "config"));
  const std::string profile = profile_of(config);
  const auto first_of = [&](std::string& field, std::initializer_list<const char*> variables,
                            const char* key) {
    for (const char* variable : variables)
      if (field.empty()) field = environment(variable).value_or("");
    if (field.empty() && key != nullptr) field = ini_value(shared, profile, key).value_or("");
  };
  first_of(config.endpoint, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}, "endpoint_url");
  first_of(config.region, {"AWS_REGION", "AWS_DEFAULT_REGION"}, "region");
  first_of(config.ca_file, {"AWS_CA_BUNDLE"}, "ca_bundle");
  if (config.region.empty()) config.region = "us-east-1";
  if (!config.path_style) config.path_style = !config.endpoint.empty();
  if (config.endpoint.empty()) config.endpoint = "https://s3." + config.region + ".amazonaws.com";
  while (config.endpoint.ends_with('/')) config.endpoint.pop_back();
  return config;
}

CredentialSource::CredentialSource(S3Config config, Http& http) : config_(std::move(config)), http_(http) {}

Result<S3Credentials> CredentialSource::get() {
  if (config_.credentials) return *config_.credentials;
  const auto id = environment("AWS_ACCESS_KEY_ID");
  const auto secret = environment("AWS_SECRET_ACCESS_KEY");
  if (config_.profile.empty() && id && secret)
    return S3Credentials{*id, *secret, environment("AWS_SESSION_TOKEN").value_or("")};
  if (auto found = from_shared_file()) return *found;

  const std::lock_guard lock(mutex_);
  if (temporary_ && std::chrono::system_clock::now() + std::chrono::minutes(2) < temporary_->expires)
    return temporary_->credentials;
  for (const auto source : {&CredentialSource::from_web_identity, &CredentialSource::from_container}) {
    auto found = (this->*source)();
    if (!found) return std::unexpected(found.error());
    if (!*found) continue;
    temporary_ = **found;
    return temporary_->credentials;
  }
  return fail(Errc::denied,
              "No S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give profile \"" +
                  profile_of(config_) + "\" in " +
                  aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials").string() + ".");
}

std::optional<S3Credentials> CredentialSource::from_shared_file() const {
  const std::string profile = profile_of(config_);
  for (const auto& file :
       {aws_file("AWS_SHARED_CREDENTIALS_FILE", "credentials"), aws_file("AWS_CONFIG_FILE", "config")}) {
    const std::string text = read_text(file);
    const auto id = ini_value(text, profile, "aws_access_key_id");
    const auto secret = ini_value(text, profile, "aws_secret_access_key");
    if (id && secret)
      return S3Credentials{*id, *secret, ini_value(text, profile, "aws_session_token").value_or("")};
  }
  return std::nullopt;
}

/// STS AssumeRoleWithWebIdentity: unsigned, answers XML.
Result<std::optional<CredentialSource::Temporary>> CredentialSource::from_web_identity() {
  const auto token_file = environment("AWS_WEB_IDENTITY_TOKEN_FILE");
  const auto role = environment("AWS_ROLE_ARN");
  if (!token_file || !role) return std::nullopt;
  HttpRequest request;
  request.method = "POST";
  request.url =
      environment("AWS_ENDPOINT_URL_STS").value_or("https://sts." + config_.region + ".amazonaws.com");
  request.headers = {"Content-Type: application/x-www-form-urlencoded"};
  request.body = canonical_query({{"Action", "AssumeRoleWithWebIdentity"},
                                  {"Version", "2011-06-15"},
                                  {"RoleArn", *role},
                                  {"RoleSessionName", environment("AWS_ROLE_SESSION_NAME").value_or("rtpx")},
                                  {"WebIdentityToken", trim(read_text(*token_file))}});
  auto answer = http_.perform(request);
  if (!answer) return std::unexpected(answer.error());
  pugi::xml_document xml;
  xml.load_string(answer->body.c_str());
  const auto node = xml.child("AssumeRoleWithWebIdentityResponse")
                        .child("AssumeRoleWithWebIdentityResult")
                        .child("Credentials");
  if (answer->status != 200 || !node)
    return fail(Errc::denied, "The token service refused the web identity of " + *token_file + " (HTTP " +
                                  std::to_string(answer->status) + ").");
  return Temporary{{node.child_value("AccessKeyId"), node.child_value("SecretAccessKey"),
                    node.child_value("SessionToken")},
                   parse_time(node.child_value("Expiration"))};
}

/// The endpoint that container services offer: JSON over HTTP.
Result<std::optional<CredentialSource::Temporary>> CredentialSource::from_container() {
  HttpRequest request;
  if (const auto relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
    request.url = "http://169.254.170.2" + *relative;
  else if (const auto full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI"))
    request.url = *full;
  else
    return std::nullopt;
  auto token = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const auto file = environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")) token = trim(read_text(*file));
  if (token) request.headers.push_back("Authorization: " + *token);
  auto answer = http_.perform(request);
  if (!answer) return std::unexpected(answer.error());
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !json.is_object() || !json.contains("AccessKeyId") ||
      !json["AccessKeyId"].is_string() || !json.contains("SecretAccessKey") ||
      !json["SecretAccessKey"].is_string())
    return fail(Errc::denied, "The container's credential endpoint gave none (HTTP " +
                                  std::to_string(answer->status) + ").");
  const auto text = [&](const char* key) {
    return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string();
  };
  return Temporary{{text("AccessKeyId"), text("SecretAccessKey"), text("Token")},
                   parse_time(text("Expiration"))};
}

}  // namespace rtpx::s3
