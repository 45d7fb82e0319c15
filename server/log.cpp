#include "server/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace rtpx::server {
namespace {

bool as_json = false;  // set before threads start

nlohmann::ordered_json view_of(const LogFields& fields) {
  nlohmann::ordered_json out = nlohmann::ordered_json::object();
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  add("recording", fields.recording);
  add("session", fields.session);
  add("track", fields.track);
  add("rid", fields.rid);
  if (fields.ssrc) out["ssrc"] = *fields.ssrc;
  return out;
}

/// `message (recording 20261122-100000, ssrc 5)`
std::string text_of(std::string_view message, const nlohmann::ordered_json& fields) {
  std::string out(message);
  const char* separator = " (";
  for (const auto& [name, value] : fields.items()) {
    out += separator + name + " " + (value.is_string() ? value.get<std::string>() : value.dump());
    separator = ", ";
  }
  return fields.empty() ? out : out + ")";
}

/// `"message":"…","recording":"…"`: what the pattern puts into the line's object.
std::string members_of(std::string_view message, const nlohmann::ordered_json& fields) {
  nlohmann::ordered_json line = {{"message", message}};
  line.update(fields);
  const std::string object = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return object.substr(1, object.size() - 2);
}

}  // namespace

void set_up_log(const std::string& level, const std::string& format) {
  as_json = format == "json";
  auto logger = std::make_shared<spdlog::logger>("rtpx", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  logger->set_pattern(as_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})"
                              : "%Y-%m-%dT%H:%M:%S.%fZ %l: %v",
                      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(std::move(logger));
}

void log(LogLevel level, std::string_view message, const LogFields& fields) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  const auto at = kLevels[static_cast<int>(level)];
  if (!spdlog::should_log(at)) return;
  const nlohmann::ordered_json view = view_of(fields);
  spdlog::log(at, "{}", as_json ? members_of(message, view) : text_of(message, view));
}

}  // namespace rtpx::server
