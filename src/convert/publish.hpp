#pragma once

#include <optional>

#include "rtpx/converter.hpp"

namespace rtpx {

/// Uploads what a conversion wrote and waits for it; locations become URLs. The files stay where they are.
/// Answers why it failed, if it did. Stops waiting when `options.stop` asks for it: the upload goes on.
[[nodiscard]] std::optional<Error> publish(ConvertResult& result, const ConvertOptions& options);

}  // namespace rtpx
