#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/orientation.hpp"
#include "compose/open_call.hpp"
#include "frames/frame_log.hpp"
#include "frames/frame_source.hpp"
#include "media/libav.hpp"

namespace rtpx::film {

/// The pictures of one track by the film's time, decoded only when somebody looks: what lies before the last
/// keyframe is not. Of a simulcast track, layers larger than needed are not read.
class PictureTrack {
 public:
  /// `source` must outlive the object; the largest tile that shows the track is `width` x `height`. Errors:
  /// io.
  [[nodiscard]] static Result<std::unique_ptr<PictureTrack>> open(const TrackSource& source, int width,
                                                                  int height);

  /// Of frames that come while the call goes on: their source may have none now, and some later.
  [[nodiscard]] static std::unique_ptr<PictureTrack> of(const TrackSource& source, std::unique_ptr<FrameSource> frames);

  struct Shown {
    const AVFrame* picture = nullptr;  ///< until the next call
    Orientation orientation;
    std::uint64_t number = 0;  ///< another one for every picture
  };
  /// The picture of this time, the last one that was there by then; nullopt: none yet. Where more than one has come
  /// since the time before, the last one waits if it is younger than `tick_ns`: a camera at the film's own rate loses
  /// no picture to jitter, none is shown more than a tick late, and the next call shows what waited. Times never fall.
  /// Errors: io. Throws std::bad_alloc.
  [[nodiscard]] Result<std::optional<Shown>> at(std::int64_t time_ns, std::int64_t tick_ns = 0);
  /// As at(), when nobody looks: nothing is decoded that a later keyframe may make superfluous. What comes after it is
  /// as after at().
  [[nodiscard]] Result<void> pass(std::int64_t time_ns, std::int64_t tick_ns);

  [[nodiscard]] std::uint64_t decoded() const noexcept { return decoded_; }
  /// Why nothing could be decoded; empty: it could.
  [[nodiscard]] const std::string& refused() const noexcept { return refused_; }

 private:
  explicit PictureTrack(const TrackSource& source) : source_(source) {}

  struct Kept {
    std::vector<std::byte> data;
    std::int64_t time_ns = 0;
    Orientation orientation;
    bool damaged = false;
  };
  struct Place {
    std::int64_t time_ns = INT64_MIN;
    Orientation orientation;
    bool damaged = false;
  };
  /// A decoded picture.
  struct Ready {
    libav::Frame picture;
    std::int64_t time_ns = 0;
    std::optional<Orientation> orientation;  ///< nullopt: not known, as before
    bool damaged = false;
  };
  void keep(const PlacedFrame& frame);
  [[nodiscard]] bool use_decoder_of(const PlacedFrame& frame);
  void decode_kept();
  void decode(const Kept& frame);
  void take_decoded();
  [[nodiscard]] bool reorders() const noexcept { return decoder_ && decoder_->has_b_frames > 0; }
  [[nodiscard]] Result<void> look_ahead(std::int64_t time_ns);
  void drain();
  void show_ready(std::int64_t time_ns, std::int64_t tick_ns);
  void show(Ready ready);

  const TrackSource& source_;
  bool follows_ = false;               // more may come where there is nothing now
  std::int64_t asked_ns_ = INT64_MIN;  // the last time that at() was asked for
  std::vector<std::unique_ptr<FrameLog>> logs_;
  std::unique_ptr<FrameSource> frames_;
  std::deque<Kept> kept_;  // from the last keyframe on, not yet decoded
  std::size_t kept_bytes_ = 0;
  std::vector<std::vector<std::byte>> spare_;
  std::string mime_type_, refused_;
  std::vector<std::byte> configuration_;
  libav::Codec decoder_;
  libav::Packet packet_ = libav::make_packet();
  libav::Frame decoding_ = libav::make_frame(), shown_ = libav::make_frame();
  std::deque<Ready> ready_;  // of a decoder that reorders: those whose time has not come
  std::array<Place, 64> places_;  // of frames in the decoder
  std::size_t next_place_ = 0;
  Orientation orientation_;
  std::int64_t shown_ns_ = INT64_MIN / 2;
  std::uint64_t number_ = 0, decoded_ = 0;
};

}  // namespace rtpx::film
