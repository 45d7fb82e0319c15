#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rtpx/result.hpp"

// Internal, and slow to compile: for .cpp files only.

namespace rtpx {

using Json = nlohmann::json;  ///< objects keep their keys in byte order

/// Parses text from outside: total, no exception, nesting bounded (64 levels: dump() recurses).
/// `what` names it in the message. Errors: malformed, with the byte offset.
[[nodiscard]] Result<Json> parse_json(std::string_view text, const std::string& what);

/// One line; bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string dump_json(const Json& value);

/// What `original` has and `known` has not, keys and (index by index) array elements, at any depth; null when
/// there is nothing: how unknown keys survive being read and written again.
[[nodiscard]] Json json_rest(const Json& original, const Json& known);

/// Adds what json_rest() kept, wherever `value` has nothing of its own.
void add_json_rest(Json& value, const Json& rest);

}  // namespace rtpx
