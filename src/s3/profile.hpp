#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "rtpx/s3.hpp"

namespace rtpx::s3 {

/// An environment variable; nullopt when unset or empty.
[[nodiscard]] std::optional<std::string> environment(const char* name);

/// A file's text; empty where it cannot be read, or is larger than any of these should be.
[[nodiscard]] std::string read_small_file(const std::filesystem::path& path);

/// Keys and values of a section of an AWS ini file; `[profile NAME]` and `[NAME]` both name one. nullopt when
/// there is none.
using ProfileValues = std::map<std::string, std::string>;
[[nodiscard]] std::optional<ProfileValues> ini_section(std::string_view text, std::string_view name);

/// The shared files of the AWS tools.
[[nodiscard]] std::filesystem::path shared_credentials_file();
[[nodiscard]] std::filesystem::path shared_config_file();

/// A profile as both shared files together tell it; nullopt when neither has it.
[[nodiscard]] std::optional<ProfileValues> read_profile(const std::string& name);

/// The profile in use, and whether it was asked for by name.
struct ProfileChoice {
  std::string name;
  bool named = false;
};
[[nodiscard]] ProfileChoice chosen_profile(const S3Config& config);

/// Fills endpoint, region, path style and CA file from the environment and the shared config file.
[[nodiscard]] S3Config complete(S3Config config);

}  // namespace rtpx::s3
