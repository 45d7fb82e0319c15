#include "base/json.hpp"

namespace rtpx {

namespace {

constexpr int kMaxNesting = 64;
constexpr std::size_t kMaxValues = 1'000'000;

/// Why the text is not to be parsed, though it may be JSON: nesting, or more values than memory should be
/// spent on (each takes some 16 to 150 bytes, however few its text has).
std::string too_much(std::string_view text) {
  int nesting = 0;
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if ((c == '{' || c == '[') && ++nesting > kMaxNesting)
      return " nests too deep at byte " + std::to_string(i);
    if (c == '}' || c == ']') --nesting;
    if ((c == ',' || c == '{' || c == '[') && ++values > kMaxValues)
      return " holds more than " + std::to_string(kMaxValues) + " values at byte " + std::to_string(i);
  }
  return {};
}

}  // namespace

Result<Json> parse_json(std::string_view text, const std::string& what) {
  if (const std::string why = too_much(text); !why.empty()) return fail(Errc::malformed, what + why);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    return fail(Errc::malformed, what + " is not JSON: at byte " + std::to_string(error.byte));
  } catch (const Json::exception& error) {  // numbers out of range
    return fail(Errc::malformed, what + " is not JSON: " + error.what());
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json json_rest(const Json& original, const Json& known) {
  Json rest;
  if (original.is_object() && known.is_object()) {
    for (const auto& [key, value] : original.items()) {
      const auto same = known.find(key);
      Json part = same == known.end() ? value : json_rest(value, *same);
      if (same == known.end() || !part.is_null()) rest[key] = std::move(part);
    }
  } else if (original.is_array() && known.is_array() && original.size() == known.size()) {
    bool any = false;
    Json parts = Json::array();
    for (std::size_t i = 0; i < original.size(); ++i) {
      parts.push_back(json_rest(original[i], known[i]));
      any = any || !parts.back().is_null();
    }
    if (any) rest = std::move(parts);
  }
  return rest;
}

void add_json_rest(Json& value, const Json& rest) {
  if (value.is_object() && rest.is_object()) {
    for (const auto& [key, part] : rest.items()) {
      const auto same = value.find(key);
      if (same == value.end())
        value[key] = part;
      else
        add_json_rest(*same, part);
    }
  } else if (value.is_array() && rest.is_array()) {
    for (std::size_t i = 0; i < std::min(value.size(), rest.size()); ++i) add_json_rest(value[i], rest[i]);
  }
}

}  // namespace rtpx
