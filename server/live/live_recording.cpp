#include "server/live/live_recording.hpp"

#include <algorithm>

#include "base/random_text.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kResumeSize = 22;
constexpr std::size_t kMostEndedTracks = 1000;  // of which there are notes

}  // namespace

Result<std::shared_ptr<LiveRecording>> LiveRecording::start(Recorder::Options options,
                                                            const SessionLabel& label) {
  std::shared_ptr<LiveRecording> out(new LiveRecording);
  out->key_ = label.key;
  out->name_ = label.key.empty() ? label.name : label.key;
  options.name = out->name_;
  options.labels = label.labels;
  options.continues = label.continues;
  options.key = label.key;
  auto started = Recorder::start(std::move(options));
  if (!started) return std::unexpected(started.error());
  out->recorder_ = std::move(*started);
  out->id_ = out->recorder_->folder().filename();
  return out;
}

std::shared_ptr<Recorder> LiveRecording::recorder() const {
  const std::lock_guard lock(mutex_);
  return recorder_;
}

std::optional<ClockAnchor> LiveRecording::clock() const {
  const auto recorder = this->recorder();
  const Manifest manifest = recorder ? recorder->manifest() : Manifest();
  return manifest.empty() ? std::nullopt : manifest.begin()->second.clock;
}

Result<LiveRecording::Joined> LiveRecording::join(
    const std::string& session_id, const SessionLabel& label, std::span<const MediaStreamTrack> tracks,
    const std::function<void(const std::string&)>& end_session) {
  const std::lock_guard joining(joining_);
  const auto recorder = this->recorder();
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !recorder) return fail(Errc::not_found, "The recording is ending.");
    sessions_.insert(session_id);
    empty_since_.reset();
  }
  const auto refuse = [&](const Error& error) {
    (void)leave(session_id, {}, {});
    return std::unexpected(error);
  };
  Joined out;
  if (!shared()) {
    auto sink = open_tracks(tracks_alone_, nullptr, tracks);
    if (!sink) return refuse(sink.error());
    out.sink = *std::move(sink);
    return out;
  }
  auto member = member_for(label);
  if (!member) return refuse(member.error());
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange((*member)->session_id, session_id);
  }
  if (!before.empty()) end_session(before);
  auto sink = open_tracks((*member)->tracks, &(*member)->handle, tracks);
  if (!sink) return refuse(sink.error());
  if (closed()) return refuse({Errc::not_found, "The recording is ending."});
  out.sink = *std::move(sink);
  out.participant = (*member)->about;
  return out;
}

/// Under joining_: members are only added there, and stay.
Result<LiveRecording::Member*> LiveRecording::member_for(const SessionLabel& label) {
  if (!label.resume.empty())
    for (const auto& member : members_)
      if (member->about.resume == label.resume) return member.get();
  auto handle = recorder()->add_participant(label.name);
  if (!handle) return std::unexpected(handle.error());
  auto member = std::make_unique<Member>();
  member->about = {handle->id(), label.name, label.resume.empty() ? random_text(kResumeSize) : label.resume};
  member->handle = *std::move(handle);
  const std::lock_guard lock(mutex_);
  members_.push_back(std::move(member));
  return members_.back().get();
}

/// The sink for a session's tracks. `scope` is the participant whose they are; null: the recording's own.
Result<std::shared_ptr<PacketSink>> LiveRecording::open_tracks(ReturningTracks& known, Recorder::Participant* scope,
                                                               std::span<const MediaStreamTrack> offered) {
  ReturningTracks::Plan plan = known.plan(offered);
  const auto recorder = this->recorder();
  if (!recorder) return fail(Errc::not_found, "The recording is ending.");
  if (!plan.fresh.empty())
    if (auto added = scope != nullptr ? scope->add_tracks(plan.fresh) : recorder->add_tracks(plan.fresh); !added)
      return std::unexpected(added.error());
  known.keep(plan, offered);
  if (scope != nullptr)
    for (MediaStreamTrack& track : plan.all) track.id = scope->track_id(track.id);
  return make_recorder_sink(*recorder, plan.all);
}

Result<std::shared_ptr<PacketSink>> LiveRecording::rejoin(const std::string& session_id,
                                                          std::span<const MediaStreamTrack> tracks) {
  const std::lock_guard joining(joining_);
  Member* member = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !sessions_.contains(session_id)) return fail(Errc::not_found, "The recording is ending.");
    for (const auto& one : members_)
      if (one->session_id == session_id) member = one.get();
  }
  if (!shared()) return open_tracks(tracks_alone_, nullptr, tracks);
  if (member == nullptr) return fail(Errc::not_found, "Somebody else has come in its place.");
  return open_tracks(member->tracks, &member->handle, tracks);
}

bool LiveRecording::leave(const std::string& session_id, const DropCounts& dropped,
                          std::span<const TrackStats> tracks) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session_id);
  for (const auto& member : members_)
    if (member->session_id == session_id) member->session_id.clear();
  dropped_ += dropped;
  for (const TrackStats& track : tracks)
    if (tracks_.size() < kMostEndedTracks) tracks_.push_back(track);
  if (sessions_.empty()) empty_since_ = std::chrono::steady_clock::now();
  return sessions_.empty();
}

std::optional<LiveRecording::Participant> LiveRecording::participant_of(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_)
    if (member->session_id == session_id) return member->about;
  return std::nullopt;
}

std::vector<std::string> LiveRecording::sessions() const {
  const std::lock_guard lock(mutex_);
  return {sessions_.begin(), sessions_.end()};
}

Recorder::Stats LiveRecording::stats(const std::string& session_id) const {
  const auto recorder = this->recorder();
  if (!recorder) return {};
  Recorder::Stats out = recorder->stats();
  const auto participant = participant_of(session_id);
  if (!participant) return out;
  std::erase_if(out.tracks, [&](const Recorder::TrackStats& track) {
    return !track.id.starts_with(participant->id + ".");
  });
  out.packets = out.bytes = 0;
  for (const Recorder::TrackStats& track : out.tracks) {
    out.packets += track.packets;
    out.bytes += track.bytes;
  }
  return out;
}

std::optional<std::chrono::steady_clock::time_point> LiveRecording::empty_since() const {
  const std::lock_guard lock(mutex_);
  return empty_since_;
}

bool LiveRecording::close() {
  const std::lock_guard lock(mutex_);
  return !std::exchange(closed_, true);
}

bool LiveRecording::close_if_empty() {
  const std::lock_guard lock(mutex_);
  return sessions_.empty() && !std::exchange(closed_, true);
}

bool LiveRecording::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

LiveRecording::End LiveRecording::end(const std::string& reason) {
  const std::lock_guard joining(joining_);
  std::shared_ptr<Recorder> recorder = this->recorder();
  End out;
  out.clock = clock();
  out.folder = recorder->folder();
  std::vector<std::string> ids;
  for (const auto& [id, track] : recorder->manifest()) ids.push_back(id);
  (void)recorder->end_tracks(ids, reason);
  out.stats = recorder->stats();
  const std::lock_guard lock(mutex_);
  for (const auto& member : members_) member->handle = {};
  recorder_.reset();
  return out;  // the last owner but for a stats() under way: all is on disk when `recorder` is gone
}

DropCounts LiveRecording::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

std::vector<TrackStats> LiveRecording::tracks() const {
  const std::lock_guard lock(mutex_);
  return tracks_;
}

}  // namespace rtpx::server
