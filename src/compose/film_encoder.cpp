#include "compose/film_encoder.hpp"

#include "base/thread.hpp"

namespace rtpx::film {

FilmEncoder::FilmEncoder(std::unique_ptr<VideoEncoder> encoder, VideoEncoder::Sink sink)
    : encoder_(std::move(encoder)), sink_(std::move(sink)) {
  thread_ = start_thread("rtpx-encode", [this] { run(); });
}

FilmEncoder::~FilmEncoder() {
  {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> FilmEncoder::push(libav::Frame picture, std::int64_t time_ns, bool keyframe) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failed_ || waiting_.size() < kMostWaiting; });
  if (failed_) return std::unexpected(*failed_);
  waiting_.push_back({std::move(picture), time_ns, keyframe});
  changed_.notify_all();
  return {};
}

Result<void> FilmEncoder::finish() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (failed_) return std::unexpected(*failed_);
  return {};
}

void FilmEncoder::run() {
  Result<void> outcome;
  try {
    for (;;) {
      Waiting next;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return given_up_ || ends_ || !waiting_.empty(); });
        if (given_up_) return;
        if (waiting_.empty()) break;
        next = std::move(waiting_.front());
        waiting_.pop_front();
      }
      changed_.notify_all();
      outcome = encoder_->push(*next.picture, next.time_ns, sink_, next.keyframe);
      if (!outcome) break;
    }
    if (outcome) outcome = encoder_->finish(sink_);
  } catch (const std::exception& failure) {
    outcome = fail(Errc::internal, failure.what());
  }
  if (outcome) return;
  const std::lock_guard lock(mutex_);
  failed_ = outcome.error();
  changed_.notify_all();
}

}  // namespace rtpx::film
