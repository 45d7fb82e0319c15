#include "rtpx/recorder.hpp"

#include "base/json.hpp"
#include "capi/call.hpp"
#include "capi/events.hpp"
#include "capi/keys.hpp"
#include "capi/s3.hpp"
#include "storage/track_description.hpp"

struct rtpx_recorder {
  std::shared_ptr<rtpx::capi::EventQueue> events;  // null with a callback
  std::unique_ptr<rtpx::Recorder> recorder;
};
struct rtpx_track {
  rtpx::Recorder::Track track;
};

namespace rtpx::capi {
namespace {

rtpx_recorder_options default_recorder_options() noexcept {
  const Recorder::Options defaults;
  rtpx_recorder_options out{};
  out.size = sizeof out;
  out.queue_bytes = defaults.queue_bytes;
  out.low_space_bytes = defaults.low_space_bytes;
  out.full_space_bytes = defaults.full_space_bytes;
  out.rotate_bytes = defaults.rotate_bytes;
  out.rotate_seconds = static_cast<std::uint32_t>(defaults.rotate_after.count());
  out.flush_interval_ms = static_cast<std::uint32_t>(defaults.flush_interval.count());
  out.sync_interval_ms = static_cast<std::uint32_t>(defaults.sync_interval.count());
  out.silence_after_ms = static_cast<std::uint32_t>(defaults.silence_after.count());
  out.end_timeout_ms = static_cast<std::uint32_t>(defaults.end_timeout.count());
  out.on_low_space = RTPX_LOW_SPACE_REFUSE;
  out.checksums = defaults.checksums ? 1 : 0;
  return out;
}

Result<Recorder::Options> recorder_options(const rtpx_recorder_options& from) {
  using std::chrono::milliseconds;
  Recorder::Options out;
  if (from.base_dir != nullptr) out.base_dir = from.base_dir;
  if (from.folder != nullptr) out.folder = from.folder;
  out.name = text_or_empty(from.name);
  out.continues = text_or_empty(from.continues);
  if (from.uploader != nullptr) out.uploader = from.uploader->uploader;
  out.upload_while_recording = from.upload_while_recording != 0;
  out.queue_bytes = from.queue_bytes;
  out.low_space_bytes = from.low_space_bytes;
  out.full_space_bytes = from.full_space_bytes;
  out.rotate_bytes = from.rotate_bytes;
  out.rotate_after = std::chrono::seconds(from.rotate_seconds);
  out.flush_interval = milliseconds(from.flush_interval_ms);
  out.sync_interval = milliseconds(from.sync_interval_ms);
  out.silence_after = milliseconds(from.silence_after_ms);
  out.end_timeout = milliseconds(from.end_timeout_ms);
  out.checksums = from.checksums != 0;
  switch (from.on_low_space) {
    case RTPX_LOW_SPACE_REFUSE: out.on_low_space = Recorder::LowSpacePolicy::refuse; break;
    case RTPX_LOW_SPACE_DROP_LAYERS: out.on_low_space = Recorder::LowSpacePolicy::drop_layers; break;
    case RTPX_LOW_SPACE_DELETE_UPLOADED: out.on_low_space = Recorder::LowSpacePolicy::delete_uploaded; break;
    default: return fail(Errc::invalid_argument, "on_low_space is none of RTPX_LOW_SPACE_….");
  }
  auto recipients = recipients_of_texts(from.recipients, from.recipient_count);
  if (!recipients) return std::unexpected(std::move(recipients).error());
  out.recipients = *std::move(recipients);
  return out;
}

Result<MediaStreamTrack> track_of(const rtpx_track_info& info) {
  if (info.id == nullptr) return fail(Errc::invalid_argument, "A track has no id.");
  MediaStreamTrack track;
  track.id = info.id;
  if (info.kind != RTPX_AUDIO && info.kind != RTPX_VIDEO)
    return fail(Errc::invalid_argument, "Track " + track.id + " is neither audio nor video.");
  track.kind = info.kind == RTPX_AUDIO ? MediaKind::audio : MediaKind::video;
  track.streams = texts(info.streams, info.stream_count);
  track.rids = texts(info.rids, info.rid_count);
  for (std::size_t i = 0; info.codecs != nullptr && i < info.codec_count; ++i)
    track.codecs.push_back(codec_of(element(info.codecs, i, rtpx_codec RTPX_CODEC_INIT)));
  for (std::size_t i = 0; info.header_extensions != nullptr && i < info.header_extension_count; ++i)
    if (const auto& extension = info.header_extensions[i]; extension.uri != nullptr)
      track.header_extensions[extension.uri] = extension.id;
  return track;
}

char* add(rtpx_recorder& recorder, std::span<const MediaStreamTrack> tracks, rtpx_error** error) {
  const auto added = recorder.recorder->add_tracks(tracks);
  if (added) return copy_text(serialize_manifest(*added));
  set_error(error, added.error());
  return nullptr;
}

std::optional<ReceiveClock::time_point> arrival_at(std::int64_t ns) noexcept {
  if (ns == RTPX_ARRIVES_NOW) return std::nullopt;
  return ReceiveClock::time_point(std::chrono::nanoseconds(ns));
}

std::span<const std::byte> bytes_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), data != nullptr ? size : 0};
}

constexpr rtpx_packet_info kNoInfo = RTPX_PACKET_INFO_INIT;

/// Hands what the caller knows of a packet to `record`. Only a codec can need memory: without it the packet is
/// recorded all the same.
template <typename Record>
int with_info(const rtpx_packet_info* info, Record&& record) noexcept {
  PacketInfo known;
  if (info == nullptr) return static_cast<int>(record(known));
  const rtpx_packet_info given = versioned(info, kNoInfo);
  known.arrival = arrival_at(given.arrival_ns);
  if (given.codec == nullptr) return static_cast<int>(record(known));
  std::optional<Codec> codec;
  try {
    codec = codec_of(versioned(given.codec, rtpx_codec RTPX_CODEC_INIT));
    known.codec = &*codec;
  } catch (...) {
  }
  return static_cast<int>(record(known));
}

constexpr unsigned kNoRidIndex = 255;  // what is out of range is no rid of any track

std::uint8_t narrow_rid(unsigned index) noexcept {
  return static_cast<std::uint8_t>(std::min(index, kNoRidIndex));
}

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

void rtpx_recorder_options_init(rtpx_recorder_options* options, size_t size) {
  capi::set_defaults(options, size, capi::default_recorder_options());
}

rtpx_recorder* rtpx_recorder_start(const rtpx_recorder_options* options, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_recorder*>(nullptr), [&]() -> rtpx_recorder* {
    const rtpx_recorder_options given = capi::versioned(options, capi::default_recorder_options());
    const auto failed = [&](Error why) {
      capi::set_error(error, std::move(why));
      return nullptr;
    };
    auto wanted = capi::recorder_options(given);
    if (!wanted) return failed(std::move(wanted).error());
    auto made = std::make_unique<rtpx_recorder>();
    if (given.on_event != nullptr) {
      wanted->event_sink = [callback = given.on_event, user = given.on_event_user](const Event& event) {
        const rtpx_event c = capi::to_c(event);
        callback(user, &c);
      };
    } else {
      auto events = capi::EventQueue::make();
      if (!events) return failed(std::move(events).error());
      made->events = *std::move(events);
      wanted->event_sink = [queue = made->events](const Event& event) { queue->push(event); };
    }
    auto recorder = Recorder::start(*std::move(wanted));
    if (!recorder) return failed(std::move(recorder).error());
    made->recorder = *std::move(recorder);
    return made.release();
  });
}

void rtpx_recorder_free(rtpx_recorder* recorder) { delete recorder; }

char* rtpx_recorder_add_tracks(rtpx_recorder* recorder, const rtpx_track_info* tracks, size_t count,
                               rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    std::vector<MediaStreamTrack> wanted;
    for (std::size_t i = 0; i < count; ++i) {
      auto track = capi::track_of(capi::element(tracks, i, rtpx_track_info RTPX_TRACK_INFO_INIT));
      if (!track) {
        capi::set_error(error, std::move(track).error());
        return nullptr;
      }
      wanted.push_back(*std::move(track));
    }
    return capi::add(*recorder, wanted, error);
  });
}

char* rtpx_recorder_add_tracks_json(rtpx_recorder* recorder, const char* tracks, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto wanted = parse_track_descriptions(capi::text_or_empty(tracks));
    if (wanted) return capi::add(*recorder, *wanted, error);
    capi::set_error(error, std::move(wanted).error());
    return nullptr;
  });
}

int64_t rtpx_now_ns(void) { return ReceiveClock::now().time_since_epoch().count(); }

int rtpx_recorder_record(rtpx_recorder* recorder, const char* track_id, const char* rid, const void* packet,
                         size_t packet_size, const rtpx_packet_info* info) {
  const std::string_view id = track_id != nullptr ? track_id : "";
  const auto named = rid != nullptr ? std::optional<std::string_view>(rid) : std::nullopt;
  return capi::with_info(info, [&](const PacketInfo& known) {
    return recorder->recorder->record(id, named, capi::bytes_of(packet, packet_size), known);
  });
}

int rtpx_recorder_record_rtcp(rtpx_recorder* recorder, const char* track_id, const void* packet, size_t packet_size,
                              const rtpx_packet_info* info) {
  const std::string_view id = track_id != nullptr ? track_id : "";
  const rtpx_packet_info given = capi::versioned(info, capi::kNoInfo);
  return static_cast<int>(recorder->recorder->record_rtcp(id, capi::bytes_of(packet, packet_size),
                                                          capi::arrival_at(given.arrival_ns)));
}

rtpx_track* rtpx_recorder_track(rtpx_recorder* recorder, const char* track_id, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_track*>(nullptr), [&]() -> rtpx_track* {
    auto found = recorder->recorder->track(capi::text_or_empty(track_id));
    if (found) return new rtpx_track{*std::move(found)};
    capi::set_error(error, std::move(found).error());
    return nullptr;
  });
}

int rtpx_track_record(rtpx_track* track, unsigned rid_index, const void* packet, size_t packet_size,
                      const rtpx_packet_info* info) {
  return capi::with_info(info, [&](const PacketInfo& known) {
    return track->track.record(capi::narrow_rid(rid_index), capi::bytes_of(packet, packet_size), known);
  });
}

int rtpx_track_record_rtcp(rtpx_track* track, const void* packet, size_t packet_size, const rtpx_packet_info* info) {
  const rtpx_packet_info given = capi::versioned(info, capi::kNoInfo);
  return static_cast<int>(
      track->track.record_rtcp(capi::bytes_of(packet, packet_size), capi::arrival_at(given.arrival_ns)));
}

void rtpx_track_free(rtpx_track* track) { delete track; }

size_t rtpx_record_packets(const rtpx_packet* packets, size_t count, uint8_t* outcomes) {
  std::size_t accepted = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const rtpx_packet& packet = packets[i];
    const auto bytes = capi::bytes_of(packet.data, packet.data_size);
    const auto arrival = capi::arrival_at(packet.arrival_ns);
    const Outcome outcome =
        packet.rtcp != 0 ? packet.track->track.record_rtcp(bytes, arrival)
                         : packet.track->track.record(capi::narrow_rid(packet.rid_index), bytes, {.arrival = arrival});
    if (outcome == Outcome::accepted) ++accepted;
    if (outcomes != nullptr) outcomes[i] = static_cast<std::uint8_t>(outcome);
  }
  return accepted;
}

char* rtpx_recorder_end_tracks(rtpx_recorder* recorder, const char* const* ids, size_t count, const char* reason,
                               uint64_t* upload_ref, rtpx_error** error) {
  if (upload_ref != nullptr) *upload_ref = 0;
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    const auto wanted = capi::texts(ids, count);
    auto ended = recorder->recorder->end_tracks(wanted, reason != nullptr ? reason : "ended");
    if (!ended) {
      capi::set_error(error, std::move(ended).error());
      return nullptr;
    }
    if (upload_ref != nullptr && ended->upload) *upload_ref = ended->upload->value;
    return capi::copy_text(serialize_manifest(ended->manifest));
  });
}

int rtpx_recorder_flush(rtpx_recorder* recorder, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    auto flushed = recorder->recorder->flush();
    if (flushed) return 0;
    capi::set_error(error, std::move(flushed).error());
    return -1;
  });
}

char* rtpx_recorder_folder(rtpx_recorder* recorder) {
  return capi::guarded(nullptr, static_cast<char*>(nullptr),
                       [&] { return capi::copy_text(recorder->recorder->folder().string()); });
}

char* rtpx_recorder_manifest(rtpx_recorder* recorder) {
  return capi::guarded(nullptr, static_cast<char*>(nullptr),
                       [&] { return capi::copy_text(serialize_manifest(recorder->recorder->manifest())); });
}

void rtpx_recorder_get_stats(rtpx_recorder* recorder, rtpx_recorder_stats* stats) {
  capi::guarded(nullptr, 0, [&] {
    const auto now = recorder->recorder->stats();
    rtpx_recorder_stats out{};
    out.packets = now.packets;
    out.bytes = now.bytes;
    out.rtcp_packets = now.rtcp_packets;
    out.queue_full = now.queue_full;
    out.disk_full = now.disk_full;
    out.unknown_track = now.unknown_track;
    out.unknown_rid = now.unknown_rid;
    out.ended = now.ended;
    out.too_large = now.too_large;
    out.failed = now.failed;
    out.lost_after_accept = now.lost_after_accept;
    out.queued_bytes = now.queued_bytes;
    out.oldest_unwritten_us = static_cast<std::uint64_t>(now.oldest_unwritten.count());
    out.oldest_unsynced_us = now.oldest_unsynced ? now.oldest_unsynced->count() : -1;
    out.writes = now.writes;
    out.syncs = now.syncs;
    out.restarts = now.restarts;
    out.dropped_events = recorder->events ? recorder->events->dropped() : 0;
    capi::give(out, stats);
    return 0;
  });
}

char* rtpx_recorder_track_stats(rtpx_recorder* recorder) {
  return capi::guarded(nullptr, static_cast<char*>(nullptr), [&] {
    Json out = Json::array();
    for (const auto& track : recorder->recorder->stats().tracks)
      out.push_back({{"id", track.id},
                     {"packets", track.packets},
                     {"bytes", track.bytes},
                     {"rtcp_packets", track.rtcp_packets},
                     {"refused_packets", track.refused_packets},
                     {"live", track.live}});
    return capi::copy_text(dump_json(out));
  });
}

rtpx_event* rtpx_recorder_next_event(rtpx_recorder* recorder) {
  return recorder->events ? recorder->events->pop().release() : nullptr;
}

int rtpx_recorder_event_fd(rtpx_recorder* recorder) {
  return recorder->events ? recorder->events->descriptor() : -1;
}
