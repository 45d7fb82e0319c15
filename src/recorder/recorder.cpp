#include "rtpx/recorder.hpp"

#include "recorder/recorder_impl.hpp"
#include "rtpx/describe.hpp"

namespace rtpx {

Result<std::unique_ptr<Recorder>> Recorder::start(Options options) {
  if (options.flush_interval.count() <= 0)
    return fail(Errc::invalid_argument, "flush_interval must be over 0.");
  if (options.sync_interval.count() < 0)
    return fail(Errc::invalid_argument, "sync_interval must not be negative.");
  if (auto good = check(Description{options.name, options.labels, options.metadata}); !good)
    return std::unexpected(good.error());
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

Result<Recorder::Participant> Recorder::add_participant(std::string_view name, std::string_view id) {
  return impl_->add_participant(name, id);
}

std::string Recorder::Participant::track_id(std::string_view own_id) const {
  return id_ + "." + std::string(own_id);
}

Result<Manifest> Recorder::Participant::add_tracks(std::span<const MediaStreamTrack> tracks) {
  if (!impl_) return fail(Errc::storage_failed, "This participant belongs to no recorder.");
  std::vector<MediaStreamTrack> scoped(tracks.begin(), tracks.end());
  for (MediaStreamTrack& track : scoped) {
    track.id = track_id(track.id);
    for (std::string& stream : track.streams) stream = track_id(stream);
    if (track.streams.empty()) track.streams = {id_};
  }
  return impl_->add_tracks(scoped, id_);
}

Result<Recorder::Track> Recorder::Participant::track(std::string_view own_id) const {
  Track handle;
  if (impl_) handle.state_ = impl_->find(track_id(own_id));
  if (!handle.state_) return fail(Errc::not_found, "There is no track " + track_id(own_id) + ".");
  return handle;
}

Result<EndedTracks> Recorder::Participant::end_tracks(std::string_view end_reason) {
  if (!impl_) return fail(Errc::storage_failed, "This participant belongs to no recorder.");
  return impl_->end_tracks(impl_->live_tracks_of(id_), end_reason);
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

Result<void> Recorder::pause() {
  return impl_->set_paused(nullptr, true);
}

Result<void> Recorder::resume() {
  return impl_->set_paused(nullptr, false);
}

Result<void> Recorder::pause(std::span<const std::string> track_ids) {
  const std::vector<std::string> ids(track_ids.begin(), track_ids.end());
  return impl_->set_paused(&ids, true);
}

Result<void> Recorder::resume(std::span<const std::string> track_ids) {
  const std::vector<std::string> ids(track_ids.begin(), track_ids.end());
  return impl_->set_paused(&ids, false);
}

bool Recorder::paused() const {
  const std::lock_guard lock(impl_->control_mutex);
  return impl_->all_paused;
}

Result<void> Recorder::mark(std::string_view text, std::optional<ReceiveClock::time_point> at) {
  return impl_->mark(text, at);
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
