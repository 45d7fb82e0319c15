#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>

#include "rtpx/result.hpp"

namespace rtpx {

struct MakeIndexOptions {
  std::filesystem::path temporary;  ///< folder for a file without a name; empty: the system's
  std::stop_token stop;
};

/// Makes the packet index of a recording on this machine that has ended (docs/packet-index.md), in place of one that is
/// there. Answers its file. Errors: already_exists (the recording is being written); unsupported (a remote or sealed
/// recording, one that cannot be read whole, or that changes meanwhile); those of OpenedRecording::open() and
/// write_packet_index().
[[nodiscard]] Result<std::filesystem::path> make_packet_index(const std::string& recording,
                                                              const MakeIndexOptions& options);

}  // namespace rtpx
