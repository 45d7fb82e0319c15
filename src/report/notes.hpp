#pragma once

#include "rtpx/converter.hpp"

namespace rtpx {

/// Whether a note says that media are gone for good: exit status 1.
[[nodiscard]] bool tells_a_loss(const ConvertNote& note) noexcept;
/// "info", "loss" or "skipped", as docs/json.md has it.
[[nodiscard]] const char* name_of(ConvertNote::Severity severity) noexcept;

}  // namespace rtpx
