#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "rtpx/result.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx {

struct MakeIndexOptions {
  std::filesystem::path temporary;  ///< folder for a file without a name; empty: the system's
  std::stop_token stop;
  std::shared_ptr<Downloader> downloader;  ///< for s3:// URLs
  /// Of a remote recording: a folder on this machine that was stored there, to be read in its place. Names, sizes and
  /// descriptions are compared here, contents by whoever stored it.
  std::string copy;
};

/// Makes the packet index of a recording that has ended (docs/packet-index.md), in place of one that is there: from then
/// on Reader, convert() and inspect() of this user open it without reading it. Answers its file, or object. Errors:
/// already_exists (the recording is being written); unsupported (a sealed recording, one that cannot be read whole, or
/// that changes meanwhile); invalid_argument (`copy` is another recording); denied (the key of indexes is not one's own);
/// not_found, malformed, io, no_space, cancelled.
[[nodiscard]] Result<std::filesystem::path> make_packet_index(const std::string& recording,
                                                              const MakeIndexOptions& options = {});

}  // namespace rtpx
