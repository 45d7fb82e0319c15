#pragma once

#include <memory>

#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// H.264 or H.265 as a byte stream of NAL units with start codes (annex B of both), parameter sets in band.
/// It has no times.
class AnnexBWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path,
                                                           const OutputTrack& track, FileSystem& files);
  AnnexBWriter(std::unique_ptr<PublishedFile> out, const OutputTrack& track);
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override { return out_->publish(); }

 private:
  Result<void> write_nals(Bytes length_prefixed);

  std::unique_ptr<PublishedFile> out_;
  CodecId codec_;
  std::vector<std::byte> config_;  // avcC or hvcC not yet in the stream; empty: nothing is due
};

}  // namespace rtpx
