#include "compose/film_writer.hpp"

#include <algorithm>

namespace rtpx::film {

Result<void> FilmWriter::add(std::size_t track, const Sample& sample) {
  std::unique_lock lock(mutex_);
  Track& mine = tracks_[track];
  const auto others_wait = [&] {
    return std::ranges::all_of(tracks_, [](const Track& one) { return one.ended || !one.waiting.empty(); });
  };
  written_.wait(lock, [&] { return failed_ || mine.bytes < kMostWaiting || others_wait(); });
  if (failed_) return std::unexpected(*failed_);
  Held held{sample, {sample.data.begin(), sample.data.end()}};
  held.sample.track = track;
  mine.bytes += held.data.size();
  mine.waiting.push_back(std::move(held));
  return write_ready();
}

Result<void> FilmWriter::end(std::size_t track, std::int64_t end_ns) {
  const std::lock_guard lock(mutex_);
  Track& mine = tracks_[track];
  mine.ended = true;
  if (!mine.waiting.empty() && mine.waiting.back().sample.duration_ns == 0) {
    Sample& last = mine.waiting.back().sample;
    last.duration_ns = std::max<std::int64_t>(end_ns - last.time_ns, 1'000'000);
  }
  if (failed_) return std::unexpected(*failed_);
  return write_ready();
}

void FilmWriter::abort() {
  const std::lock_guard lock(mutex_);
  if (!failed_) failed_ = Error{Errc::cancelled, "the film was cancelled"};
  written_.notify_all();
}

Result<void> FilmWriter::write_ready() {
  for (;;) {
    Track* earliest = nullptr;
    for (Track& track : tracks_) {
      if (track.waiting.size() < 2 && !track.ended) {
        written_.notify_all();
        return {};
      }
      if (track.waiting.empty()) continue;
      if (earliest == nullptr ||
          track.waiting.front().sample.time_ns < earliest->waiting.front().sample.time_ns)
        earliest = &track;
    }
    if (earliest == nullptr) break;
    Held& held = earliest->waiting.front();
    held.sample.data = held.data;
    if (auto written = muxer_->write(held.sample); !written) {
      failed_ = written.error();
      written_.notify_all();
      return written;
    }
    earliest->bytes -= held.data.size();
    earliest->waiting.pop_front();
  }
  written_.notify_all();
  return {};
}

}  // namespace rtpx::film
