#include "ingest/framed/framed_input.hpp"

#include "storage/track_description.hpp"

namespace rtpx {

bool FramedInput::take(Bytes bytes, ReceiveClock::time_point now) {
  parser_.feed(bytes);
  for (;;) {
    auto frame = parser_.next();
    if (frame && !*frame) return true;
    auto handled = frame ? handle(**frame, now) : Result<void>(std::unexpected(std::move(frame).error()));
    if (handled && !stats_.limit.empty()) return true;
    if (handled) continue;
    stats_.errors.push_back(std::move(handled).error());
    return false;
  }
}

Result<void> FramedInput::handle(const InputFrame& frame, ReceiveClock::time_point now) {
  switch (frame.kind) {
    case InputFrame::Kind::tracks:
      return add_tracks(frame.body);
    case InputFrame::Kind::unknown:
      ++stats_.unknown_frames;
      return {};
    case InputFrame::Kind::malformed:
      ++stats_.malformed_frames;
      return {};
    default:
      break;
  }
  if (frame.track >= tracks_.size()) {
    ++stats_.unknown_track;
    return {};
  }
  if (frame.kind != InputFrame::Kind::end) {
    record(frame, now);
    return {};
  }
  InputTrack& track = tracks_[frame.track];
  if (!std::exchange(track.live, false)) return {};
  if (auto ended = recorder_.end_tracks({&track.id, 1}); !ended) return std::unexpected(std::move(ended).error());
  return {};
}

Result<void> FramedInput::add_tracks(Bytes json) {
  auto wanted = parse_track_descriptions(as_text(json));
  if (!wanted) return std::unexpected(std::move(wanted).error());
  constexpr std::size_t kMostTracks = 65'536;  // that a number of 16 bits can name
  if (wanted->size() > kMostTracks - tracks_.size())
    return fail(Errc::invalid_argument, "The input describes more than 65,536 tracks.");
  if (auto added = recorder_.add_tracks(*wanted); !added) return std::unexpected(std::move(added).error());
  for (const MediaStreamTrack& track : *wanted) {
    auto handle = recorder_.track(track.id);
    if (!handle) return std::unexpected(std::move(handle).error());
    tracks_.push_back({track.id, *std::move(handle)});
  }
  return {};
}

// What the recorder refuses for good, it counts itself.
void FramedInput::record(const InputFrame& frame, ReceiveClock::time_point now) {
  Recorder::Track& track = tracks_[frame.track].handle;
  const auto at = arrival(frame.arrival_ns, now);
  if (reaches_a_limit(frame.body.size(), at)) return;
  const bool rtcp = frame.kind == InputFrame::Kind::rtcp;
  if (rtcp)
    (void)track.record_rtcp(frame.body, at);
  else
    (void)track.record(frame.rid_index, frame.body, {.arrival = at});
  ++(rtcp ? stats_.rtcp_packets : stats_.packets);
  stats_.bytes += frame.body.size();
}

bool FramedInput::reaches_a_limit(std::size_t bytes, ReceiveClock::time_point at) {
  if (!stats_.first_arrival) stats_.first_arrival = at;
  if (limits_.max_duration.count() > 0 && at - *stats_.first_arrival > limits_.max_duration)
    stats_.limit = "max_duration";
  else if (limits_.max_bytes > 0 && stats_.bytes + bytes > limits_.max_bytes)
    stats_.limit = "max_bytes";
  return !stats_.limit.empty();
}

ReceiveClock::time_point FramedInput::arrival(std::uint64_t ns, ReceiveClock::time_point now) {
  if (ns == 0) return now;
  const auto theirs = std::chrono::nanoseconds(static_cast<std::int64_t>(ns & INT64_MAX));
  // Times that differ by more than a century are none.
  constexpr std::chrono::nanoseconds kMost = std::chrono::hours(24 * 365 * 100);
  if (!clock_offset_) clock_offset_ = now.time_since_epoch() - theirs;
  const auto first = now.time_since_epoch() - *clock_offset_;
  if (theirs - first > kMost || first - theirs > kMost) return now;
  return ReceiveClock::time_point(theirs + *clock_offset_);
}

Result<void> FramedInput::end(const std::string& reason) {
  if (stats_.limit.empty()) stats_.cut_bytes += parser_.unfinished();
  std::vector<std::string> live;
  for (InputTrack& track : tracks_)
    if (std::exchange(track.live, false)) live.push_back(track.id);
  if (live.empty()) return {};
  if (auto ended = recorder_.end_tracks(live, reason); !ended) return std::unexpected(std::move(ended).error());
  return {};
}

}  // namespace rtpx
