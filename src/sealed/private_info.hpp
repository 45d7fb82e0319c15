#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_system.hpp"
#include "rtpx/sealed.hpp"

namespace rtpx::sealed {

class SealedFiles;

inline constexpr std::uint64_t kMostInfoBytes = 16U << 20;  ///< of a recording.json

// recording.json of a sealed recording stays readable, since others keep state in it who hold no key. What it says of
// people, and its name, are in its member "sealed": base64 of a whole sealed file, the JSON of these members.

/// Moves the members that tell of people into "sealed". Errors: those of seal_bytes(); malformed.
[[nodiscard]] Result<std::string> hide_private_info(std::string_view json, std::span<const Recipient> recipients);
[[nodiscard]] bool holds_private_info(std::string_view json);
/// Whether it tells, in the open, that the recorder ended the recording, and so each of its files.
[[nodiscard]] bool tells_an_end(std::string_view json);
/// Puts them back. Errors: those of SealedFiles::unseal_bytes(), malformed.
[[nodiscard]] Result<std::string> with_private_info(std::string_view json, SealedFiles& files,
                                                    const std::filesystem::path& path);

/// Lets `change` alter the sealed file in `path`'s member "sealed", and writes it back when it answers true. Without
/// such a member nothing is done. Errors: those of `change`; io, malformed.
[[nodiscard]] Result<bool> change_private_info(const std::filesystem::path& path,
                                               const std::function<Result<bool>(File&)>& change);

}  // namespace rtpx::sealed
