#include "rtpx/recorder.hpp"

#include "recorder/recorder_impl.hpp"

namespace rtpx {

Result<std::unique_ptr<Recorder>> Recorder::start(Options options) {
  if (options.flush_interval.count() <= 0)
    return fail(Errc::invalid_argument, "flush_interval must be over 0.");
  if (options.sync_interval.count() < 0)
    return fail(Errc::invalid_argument, "sync_interval must not be negative.");
  auto pool = ChunkPool::make(options.queue_bytes);
  if (!pool) return std::unexpected(pool.error());
  auto impl =
      std::make_shared<RecorderImpl>(std::move(options), std::make_shared<QueueShared>(std::move(*pool)));
  if (auto opened = impl->open(); !opened) return std::unexpected(opened.error());
  std::unique_ptr<Recorder> recorder(new Recorder(impl));
  impl->self = recorder.get();
  impl->start_threads();
  impl->resume_uploads();
  if (auto begun = impl->run_on_start(*recorder); !begun) return std::unexpected(begun.error());
  return recorder;
}

Result<std::unique_ptr<Recorder>> Recorder::start_link(Options options, std::stop_source owner) {
  auto recorder = start(std::move(options));
  if (recorder) (*recorder)->impl_->link(std::move(owner));
  return recorder;
}

Recorder::Recorder(std::shared_ptr<RecorderImpl> impl) : impl_(std::move(impl)) {}

Recorder::~Recorder() {
  impl_->shut_down();
}

Result<Manifest> Recorder::add_tracks(std::span<const MediaStreamTrack> tracks) {
  return impl_->add_tracks(tracks);
}

Outcome Recorder::Track::record(std::uint8_t rid_index, std::span<const std::byte> packet,
                                const PacketInfo& info) noexcept {
  if (!state_) return Outcome::unknown_track;
  auto& track = *static_cast<LiveTrack*>(state_.get());
  if (rid_index >= std::max<std::size_t>(track.track.rids.size(), 1)) {
    track.media->count_refused(Outcome::unknown_rid);
    return Outcome::unknown_rid;
  }
  return track.record(rid_index, packet, info);
}

Outcome Recorder::Track::record_rtcp(std::span<const std::byte> packet,
                                     std::optional<ReceiveClock::time_point> arrival) noexcept {
  if (!state_) return Outcome::unknown_track;
  return static_cast<LiveTrack*>(state_.get())->record_rtcp(packet, arrival);
}

Result<Recorder::Track> Recorder::track(std::string_view track_id) {
  Track handle;
  handle.state_ = impl_->find(track_id);
  if (!handle.state_) return fail(Errc::not_found, "There is no track " + std::string(track_id) + ".");
  return handle;
}

Outcome Recorder::record(std::string_view track_id, std::optional<std::string_view> rid,
                         std::span<const std::byte> packet, const PacketInfo& info) noexcept {
  const auto track = impl_->find(track_id);
  if (!track) return impl_->refuse_unknown(track_id);
  const auto index = track->rid_index(rid);
  if (!index) {
    track->media->count_refused(Outcome::unknown_rid);
    impl_->unknown_targets.note(track_id, rid.value_or("nil"));
    return Outcome::unknown_rid;
  }
  return track->record(*index, packet, info);
}

Outcome Recorder::record_rtcp(std::string_view track_id, std::span<const std::byte> packet,
                              std::optional<ReceiveClock::time_point> arrival) noexcept {
  const auto track = impl_->find(track_id);
  return track ? track->record_rtcp(packet, arrival) : impl_->refuse_unknown(track_id);
}

Result<EndedTracks> Recorder::end_tracks(std::span<const std::string> ids, std::string_view end_reason) {
  return impl_->end_tracks(ids, end_reason);
}

void Recorder::set_event_sink(EventSink sink) {
  impl_->set_event_sink(std::move(sink));
}

Result<void> Recorder::flush() {
  return impl_->writer.flush(impl_->deadline());
}

Recorder::Stats Recorder::stats() const {
  return impl_->stats();
}

std::filesystem::path Recorder::folder() const {
  const std::lock_guard lock(impl_->control_mutex);
  return impl_->folder;
}

Manifest Recorder::manifest() const {
  return impl_->manifest();
}

}  // namespace rtpx
