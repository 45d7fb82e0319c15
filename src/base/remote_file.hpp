#pragma once

#include <filesystem>

#include "base/decoded_file.hpp"

namespace rtpx {

/// An object of a service, read where it lies. All errors of reading are network or cancelled, so that what a service
/// does not give now is not taken for what a disk has lost.
class RemoteFile : public DecodedFile {};

/// "s3://bucket/key", which stands where paths do.
[[nodiscard]] inline bool is_s3_url(const std::filesystem::path& place) {
  return place.native().starts_with("s3://");
}

/// Nothing about a recording follows from this failure to read it: it may be read another time.
[[nodiscard]] inline bool is_passing(const Error& error) {
  return error.code == Errc::network || error.code == Errc::cancelled;
}

}  // namespace rtpx
