#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace rtpx::server {

/// Removes from a folder of outputs what a conversion that was killed left half made: files of processes that are no more.
void remove_leftovers(const std::filesystem::path& folder);

/// Names of the files that a conversion's result names: media, reports, pictures. Empty where it cannot be read.
[[nodiscard]] std::set<std::string> files_of_result(const std::filesystem::path& result);

}  // namespace rtpx::server
