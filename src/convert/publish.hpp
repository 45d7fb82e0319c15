#pragma once

#include <optional>

#include "rtpx/converter.hpp"

namespace rtpx {

/// Calls `visit` for the location of each file that a conversion wrote: outputs with their parts, pictures and reports.
template <typename Result, typename Visit>
void for_each_location(Result& result, Visit&& visit) {
  for (auto& [id, file] : result.files) {
    visit(file.location);
    if (file.thumbnail_location) visit(*file.thumbnail_location);
    if (file.report_location) visit(*file.report_location);
    for (auto& sprites : file.sprite_locations) visit(sprites);
    for (auto& part : file.parts) visit(part.location);
  }
}

/// Uploads what a conversion wrote and waits for it; locations become URLs. The files stay where they are.
/// Answers why it failed, if it did. Stops waiting when `options.stop` asks for it: the upload goes on.
[[nodiscard]] std::optional<Error> publish(ConvertResult& result, const ConvertOptions& options);

}  // namespace rtpx
