#pragma once

#include <memory>
#include <vector>

#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"
#include "mux/published_file.hpp"

namespace rtpx {

/// WAV of G.711, G.722 or L16, RF64 (EBU Tech 3306) beyond 4 GiB. WAV has no times: the time before the first
/// packet and every gap of more than 5 ms is filled with silence, and what overlaps what is written is left
/// out.
class WavWriter final : public Muxer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Muxer>> open(const std::filesystem::path& path,
                                                           const OutputTrack& track, FileSystem& files);
  WavWriter(std::unique_ptr<PublishedFile> out, const OutputTrack& track);
  Result<void> write(const Sample& sample) override;
  Result<void> finish() override;

 private:
  [[nodiscard]] std::vector<std::byte> head() const;
  Result<void> fill_silence(std::int64_t octets);

  std::unique_ptr<PublishedFile> out_;
  CodecId codec_;
  std::uint32_t rate_;
  std::uint16_t channels_;
  std::int64_t octets_per_second_;
  std::int64_t written_ = 0;  // octets of sound
};

}  // namespace rtpx
