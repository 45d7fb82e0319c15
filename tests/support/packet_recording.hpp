#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"

namespace rtpx::test {

/// A recording made of RTP packets, for what no capture shows. A packet arrives when its RTP time says, all
/// tracks begin together and belong to one stream.
class PacketRecording {
 public:
  explicit PacketRecording(std::filesystem::path folder);
  /// `arrivals_ms`: when the packets came, where RTP time does not say it in the first codec's clock.
  /// A manifest that names no codecs is written for an empty `codecs`.
  void add(const std::string& id, MediaKind kind, std::vector<Codec> codecs,
           const std::vector<std::string>& packets,
           const std::map<std::string, std::uint8_t>& header_extensions = {},
           const std::vector<std::int64_t>& arrivals_ms = {});
  [[nodiscard]] const std::filesystem::path& path() const { return folder_; }
  std::string stream = "call";  ///< of the tracks that are added

 private:
  std::filesystem::path folder_;
  Manifest manifest_;
};

/// `packets` as the continuation of `before`: SSRC, numbers and times go on, the first one `ticks` later.
[[nodiscard]] std::vector<std::string> continued(const std::vector<std::string>& before,
                                                 std::vector<std::string> packets, std::uint32_t ticks);

/// `packet` with one more element of a header extension of the one-byte form (RFC 8285 section 4.2).
[[nodiscard]] std::string with_extension(const std::string& packet, std::uint8_t id,
                                         const std::string& value);

}  // namespace rtpx::test
