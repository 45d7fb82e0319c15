#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "frames/frame_source.hpp"
#include "media/audio_transcoder.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// An audio source decoded and encoded anew, of one rate and number of channels. What cannot be decoded ends
/// it, and stands in refused().
class TranscodedAudio final : public FrameSource {
 public:
  TranscodedAudio(std::unique_ptr<FrameSource> source, const AudioTranscoderOptions& options)
      : source_(std::move(source)), options_(options) {}

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;
  /// Why a codec could not be transcoded; empty: it could.
  [[nodiscard]] const std::string& refused() const noexcept { return refused_; }
  /// Lost packets whose sound was guessed, and those that came from the next one's in-band FEC.
  [[nodiscard]] std::uint64_t concealed() const noexcept { return concealed_; }
  [[nodiscard]] std::uint64_t recovered_by_fec() const noexcept { return recovered_by_fec_; }

 private:
  [[nodiscard]] Result<void> take(const PlacedFrame& frame);
  [[nodiscard]] Result<void> begin(const PlacedFrame& frame);
  [[nodiscard]] Result<void> finish();
  void keep(const Sample& sample);

  struct Encoded {
    PlacedFrame frame;
    std::vector<std::byte> data;
  };

  std::unique_ptr<FrameSource> source_;
  AudioTranscoderOptions options_;
  std::unique_ptr<AudioTranscoder> transcoder_;
  std::string from_;  // mime type and configuration that transcoder_ takes
  StreamConfig from_config_;
  Codec codec_;  // of what comes out
  StreamConfig config_;
  std::int64_t last_sequence_ = -1;
  std::deque<Encoded> ready_;
  bool ended_ = false;
  std::string refused_;
  std::uint64_t concealed_ = 0, recovered_by_fec_ = 0;
};

}  // namespace rtpx
