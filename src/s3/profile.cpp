#include "s3/profile.hpp"

#include <cstdlib>
#include <sstream>

#include "base/file_system.hpp"

namespace rtpx::s3 {
namespace {

constexpr std::uint64_t kLargestFile = 1U << 20;

std::string trim(std::string_view text) {
  const auto blank = " \t\r\n";
  const auto from = text.find_first_not_of(blank);
  if (from == text.npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(blank) - from + 1));
}

std::filesystem::path shared_file(const char* variable, const char* name) {
  if (auto path = environment(variable)) return *path;
  return std::filesystem::path(environment("HOME").value_or("/")) / ".aws" / name;
}

}  // namespace

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

std::string read_small_file(const std::filesystem::path& path) {
  return read_whole_file(real_file_system(), path, kLargestFile).value_or("");
}

std::optional<ProfileValues> ini_section(std::string_view text, std::string_view name) {
  std::optional<ProfileValues> found;
  std::istringstream lines{std::string(text)};
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    line = trim(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      std::string title = trim(line.substr(1, line.find(']') - 1));
      if (title.starts_with("profile ")) title = trim(title.substr(8));
      inside = title == name;
      if (inside && !found) found.emplace();
      continue;
    }
    const auto equals = line.find('=');
    if (inside && equals != line.npos)
      found->try_emplace(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
  return found;
}

std::filesystem::path shared_credentials_file() {
  return shared_file("AWS_SHARED_CREDENTIALS_FILE", "credentials");
}

std::filesystem::path shared_config_file() {
  return shared_file("AWS_CONFIG_FILE", "config");
}

std::optional<ProfileValues> read_profile(const std::string& name) {
  auto found = ini_section(read_small_file(shared_credentials_file()), name);
  if (auto more = ini_section(read_small_file(shared_config_file()), name)) {
    if (!found) found.emplace();
    found->merge(*more);
  }
  return found;
}

ProfileChoice chosen_profile(const S3Config& config) {
  if (!config.profile.empty()) return {config.profile, true};
  if (auto name = environment("AWS_PROFILE")) return {*name, true};
  return {"default", false};
}

S3Config complete(S3Config config) {
  const auto profile = read_profile(chosen_profile(config).name).value_or(ProfileValues());
  const auto first_of = [&](std::string& field, std::initializer_list<const char*> variables,
                            const char* key) {
    for (const char* variable : variables)
      if (field.empty()) field = environment(variable).value_or("");
    if (const auto at = profile.find(key); field.empty() && at != profile.end()) field = at->second;
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

}  // namespace rtpx::s3
