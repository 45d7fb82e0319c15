#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx::server {

/// What a token allows; several together.
struct Scopes {
  bool record = false, view = false, admin = false;  ///< admin includes the others
  [[nodiscard]] static Scopes all() { return {true, true, true}; }
};

/// The tokens of this server, and what it signs itself: sessions of the page, and links to one recording.
/// Tokens are known by their SHA-256 only, and compared in constant time. What is signed outlives a restart:
/// the key is a file in the base folder. Thread-safe.
class Credentials {
 public:
  struct Sources {
    std::string token;                  ///< --token; empty: none
    std::filesystem::path token_file;   ///< --token-file: one token; empty: none
    std::filesystem::path tokens_file;  ///< --tokens: lines of `SCOPES SHA256 [NAME]`; empty: none
    std::filesystem::path key_file;     ///< made when missing, mode 0600
  };

  /// Reads the files, again at SIGHUP; after an error what was read before stays. Errors: invalid_argument
  /// (naming file and line), io.
  [[nodiscard]] Result<void> load(const Sources& sources);
  /// False: no token is configured, and none is asked for.
  [[nodiscard]] bool required() const;

  [[nodiscard]] std::optional<Scopes> scopes_of_token(std::string_view token) const;
  /// A cookie's value for who showed that token: it is no token, ends by itself and with the token. nullopt:
  /// the token is none of ours.
  [[nodiscard]] std::optional<std::string> open_session(std::string_view token,
                                                        std::chrono::seconds life) const;
  [[nodiscard]] std::optional<Scopes> scopes_of_session(std::string_view session) const;

  /// A link's value: it opens that recording for reading until its end.
  [[nodiscard]] std::string sign_link(const std::string& recording, std::chrono::sys_seconds end) const;
  [[nodiscard]] bool link_is_good(const std::string& recording, std::string_view link) const;

 private:
  struct Token {
    std::string hash;  ///< 64 hex digits
    Scopes scopes;
  };
  [[nodiscard]] std::string sign(std::string_view purpose, std::string_view text) const;
  [[nodiscard]] bool is_signed(std::string_view purpose, std::string_view text,
                               std::string_view signature) const;

  mutable std::mutex mutex_;
  std::vector<Token> tokens_;
  std::string key_;
};

}  // namespace rtpx::server
