#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// Ogg (RFC 3533) of Opus (RFC 7845) or FLAC (the mapping of FLAC 1.1.1): pages of a second at most, a new
/// one behind a gap, so that every page's granule position is the true time.
class OggWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path,
                                                           const OutputTrack& track, const MuxHints& hints,
                                                           FileSystem& files);
  explicit OggWriter(std::unique_ptr<PublishedFile> out) : out_(std::move(out)) {}
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  Result<void> write_headers(const OutputTrack& track, const MuxHints& hints);
  Result<void> add(Bytes packet, std::int64_t granule);
  Result<void> write_page(unsigned flags);
  [[nodiscard]] std::int64_t granule(std::int64_t ns) const;

  static constexpr std::int64_t kNoneEnds = -1;

  std::unique_ptr<PublishedFile> out_;
  std::int64_t rate_ = 48'000, pre_skip_ = 0;
  std::int64_t zero_ns_ = -1;                    // the first packet's time
  std::int64_t page_began_ns_ = 0, end_ns_ = 0;  // of what waits
  std::uint32_t pages_ = 0;
  std::vector<std::byte> lacing_, packets_;  // of the page that waits
  std::int64_t granule_ = kNoneEnds;         // of its last packet that ends in it
  bool continued_ = false;                   // its first packet began on the page before
};

}  // namespace rtpx
