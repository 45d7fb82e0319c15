#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rtpx::server {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// What a line is about: members of their own in JSON, appended in parentheses in text. Empty: not about one.
struct LogFields {
  std::string recording, session, track, rid;
  std::optional<std::uint32_t> ssrc;
};

/// The log goes to stderr. `level`: "debug", "info", "warn" or "error"; `format`: "text" or "json" (a line an
/// object). Call before the first log().
void set_up_log(const std::string& level, const std::string& format);

/// Thread-safe.
void log(LogLevel level, std::string_view message, const LogFields& fields = {});

}  // namespace rtpx::server
