#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "media/video_encoder.hpp"

namespace rtpx::film {

/// A VideoEncoder on a thread of its own, with a few pictures waiting for it.
class FilmEncoder {
 public:
  /// `sink` is called on the encoder's thread.
  FilmEncoder(std::unique_ptr<VideoEncoder> encoder, VideoEncoder::Sink sink);
  ~FilmEncoder();  ///< what waits is not encoded any more
  FilmEncoder(const FilmEncoder&) = delete;
  FilmEncoder& operator=(const FilmEncoder&) = delete;

  /// Waits for room. Errors: those of the encoder and of the sink, of any picture before.
  Result<void> push(libav::Frame picture, std::int64_t time_ns, bool keyframe);
  /// All that was pushed has gone through the sink. Errors: as push().
  Result<void> finish();

 private:
  static constexpr std::size_t kMostWaiting = 6;
  struct Waiting {
    libav::Frame picture;
    std::int64_t time_ns = 0;
    bool keyframe = false;
  };
  void run();

  std::unique_ptr<VideoEncoder> encoder_;
  VideoEncoder::Sink sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> waiting_;
  bool ends_ = false, given_up_ = false;
  std::optional<Error> failed_;
  std::thread thread_;
};

}  // namespace rtpx::film
