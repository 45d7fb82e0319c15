#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "recorder/support.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::test {

/// A recorder in a folder of its own. What fails throws: a test of something else then fails.
struct Started {
  TempDir dir;
  std::unique_ptr<Recorder> recorder;

  explicit Started(Recorder::Options options = {}) {
    if (options.file_system == nullptr) options.base_dir = dir / "recordings";
    auto started = Recorder::start(std::move(options));
    if (!started) throw std::runtime_error(started.error().message);
    recorder = std::move(*started);
  }
  void add(const MediaStreamTrack& track) {
    const auto added = recorder->add_tracks({&track, 1});
    if (!added) throw std::runtime_error(added.error().message);
  }
  EndedTracks end(const std::string& id) {
    auto ended = recorder->end_tracks({&id, 1});
    if (!ended) throw std::runtime_error(ended.error().message);
    return *ended;
  }
  Outcome record(const std::string& id, std::uint32_t sequence, std::size_t size = 100) {
    return recorder->record(id, std::nullopt, rtp(sequence, size));
  }
};

}  // namespace rtpx::test
