#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "frames/frame_source.hpp"
#include "rtpx/reader.hpp"

namespace rtpx::film {

/// The frames of a track that is still being recorded. It has those that were fetched; where there are no more, some
/// may come. One thread.
class LiveFrames final : public FrameSource {
 public:
  /// `most_kept`: bytes; then the rest is fetched later.
  LiveFrames(FrameReader reader, std::size_t most_kept) : most_kept_(most_kept), reader_(std::move(reader)) {}

  /// Takes what is settled up to `until_ns` of the recording, and a frame more. `on_frame` is told their times. Errors:
  /// io, no_space.
  [[nodiscard]] Result<void> fetch(std::int64_t until_ns, const std::function<void(std::int64_t)>& on_frame);
  /// The track has no more frames than were fetched.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  /// Not of live frames: unsupported.
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;

 private:
  struct Format {
    Codec codec;
    StreamConfig config;
  };
  struct Kept {
    PlacedFrame placed;
    std::vector<std::byte> data;
    std::shared_ptr<const Format> format;
  };

  const std::size_t most_kept_;
  FrameReader reader_;
  std::deque<Kept> kept_;
  std::size_t bytes_ = 0;
  std::shared_ptr<const Format> format_, before_;
  std::int64_t sequence_ = 0;
  bool ended_ = false;
};

}  // namespace rtpx::film
