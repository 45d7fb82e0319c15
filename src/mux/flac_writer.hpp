#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// FLAC as a file of its own (RFC 9639): a track without gaps, as an encoder makes it. How many samples there are and
/// how large frames are is told when it is finished; the MD5 of the sound is not told (zeros: unknown).
class FlacWriter final : public Muxer {
 public:
  /// Errors: invalid_argument (no STREAMINFO), io, no_space.
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path, const OutputTrack& track,
                                                           const MuxHints& hints,
                                                           FileSystem& files = real_file_system());
  FlacWriter(std::unique_ptr<PublishedFile> out, std::vector<std::byte> info, std::uint32_t rate)
      : out_(std::move(out)), info_(std::move(info)), rate_(rate) {}
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  std::unique_ptr<PublishedFile> out_;
  std::vector<std::byte> info_;  // STREAMINFO
  std::uint32_t rate_;
  std::uint32_t smallest_ = 0, largest_ = 0;  // bytes of a frame; 0: none yet
  std::int64_t end_ns_ = 0;
};

}  // namespace rtpx
