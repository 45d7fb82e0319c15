#pragma once

#include <memory>

#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// IVF of VP8, VP9 or AV1 (temporal units with their delimiter), in a time base of 1/90000 s.
class IvfWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path,
                                                           const OutputTrack& track, FileSystem& files);
  IvfWriter(std::unique_ptr<PublishedFile> out, CodecId codec) : out_(std::move(out)), codec_(codec) {}
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  std::unique_ptr<PublishedFile> out_;
  CodecId codec_;
  std::uint32_t frames_ = 0;
};

}  // namespace rtpx
