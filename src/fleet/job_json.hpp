#pragma once

#include "base/json.hpp"
#include "fleet/record.hpp"

namespace rtpx::fleet {

/// nullopt as parse_job().
[[nodiscard]] std::optional<Job> job_from_json(const Json& value);
[[nodiscard]] Json to_json(const Job& job);
[[nodiscard]] Json to_json(const JobResult& result);

/// A number from 0 to `most`; nullopt: absent, or another type or size.
[[nodiscard]] std::optional<std::uint64_t> number_in(const Json& object, const char* key, std::uint64_t most);
/// nullopt: absent, another type, or longer than `most` bytes.
[[nodiscard]] std::optional<std::string> text_in(const Json& object, const char* key, std::size_t most);

}  // namespace rtpx::fleet
