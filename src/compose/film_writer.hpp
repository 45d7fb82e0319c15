#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "mux/muxer.hpp"

namespace rtpx::film {

/// Takes samples of several tracks from a thread each, and writes them in the order of their times. A track
/// that is far ahead of the others waits. The last sample of each is held back until it is known how long it
/// lasts. Thread-safe.
class FilmWriter {
 public:
  FilmWriter(std::unique_ptr<Muxer> muxer, std::size_t tracks) : muxer_(std::move(muxer)), tracks_(tracks) {}

  /// Copies the sample. Errors: those of the muxer; cancelled after abort().
  Result<void> add(std::size_t track, const Sample& sample);
  /// Nothing more comes of the track, which lasts until `end_ns`.
  Result<void> end(std::size_t track, std::int64_t end_ns);
  /// All who wait are let go, and nothing is written any more.
  void abort();
  /// All tracks have ended: publishes the file. Errors: those of the muxer.
  Result<void> finish() { return muxer_->finish(); }

 private:
  static constexpr std::size_t kMostWaiting = 4U << 20;  // bytes of a track that is ahead
  struct Held {
    Sample sample;
    std::vector<std::byte> data;
  };
  struct Track {
    std::deque<Held> waiting;
    std::size_t bytes = 0;
    bool ended = false;
  };
  Result<void> write_ready();

  std::unique_ptr<Muxer> muxer_;
  std::mutex mutex_;
  std::condition_variable written_;
  std::vector<Track> tracks_;
  std::optional<Error> failed_;
};

}  // namespace rtpx::film
