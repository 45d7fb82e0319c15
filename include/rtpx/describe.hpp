#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rtpx/result.hpp"

namespace rtpx {

/// What people call a recording and find it by. Kept in its recording.json, and written into the tags of the
/// files that are converted from it. Texts are UTF-8 of at most 4,096 bytes, lists have at most 10,000 entries.
struct Description {
  std::string name;
  std::vector<std::string> labels;              ///< in the user's order
  std::map<std::string, std::string> metadata;  ///< names and values of the user's own
  bool operator==(const Description&) const = default;
};

/// Reads it. Errors: not_found (no recording.json: then nothing was ever said of it), io, malformed,
/// unsupported (a newer format).
[[nodiscard]] Result<Description> description_of_recording(const std::filesystem::path& recording);

/// Reads it, lets `change` alter it, and replaces recording.json atomically; all else in it stays, also while
/// this process records. Another process that changes the same file at the same moment may be overwritten.
/// May be called from any thread. Errors: those above but not_found, and invalid_argument for what is too long.
[[nodiscard]] Result<void> change_description(const std::filesystem::path& recording,
                                              const std::function<void(Description&)>& change);

/// Whether a recording may have that. Errors: invalid_argument, naming what is too long or too many.
[[nodiscard]] Result<void> check(const Description& description);

}  // namespace rtpx
