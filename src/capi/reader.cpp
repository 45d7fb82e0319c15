#include "rtpx/reader.hpp"

#include <cstdlib>

#include "base/json.hpp"
#include "base/utc_time.hpp"
#include "capi/call.hpp"
#include "capi/keys.hpp"
#include "capi/picture_source.hpp"
#include "capi/s3.hpp"
#include "capi/waiting.hpp"

struct rtpx_reader {
  rtpx::Reader reader;
};
struct rtpx_frames {
  rtpx::FrameReader frames;
  std::string mime_type;  // of the last frame, with a NUL
};

namespace rtpx::capi {
namespace {

rtpx_reader_options default_reader_options() noexcept {
  rtpx_reader_options out{};
  out.size = sizeof out;
  out.fill_sound = 1;
  return out;
}

/// What of the caller's is asked while a reader looks through packets, also later, by refresh().
struct Asked {
  rtpx_progress_callback progress;
  void* user;
  std::stop_source cancel;
  std::stop_callback<std::function<void()>> pass_on;

  explicit Asked(const rtpx_reader_options& from)
      : progress(from.progress),
        user(from.progress_user),
        pass_on(token_of(from.stop), [source = cancel]() mutable { source.request_stop(); }) {}
  void tell(double fraction) {
    if (progress(user, fraction, -1, "scan") != 0) cancel.request_stop();
  }
};

Result<ReaderOptions> reader_options(const rtpx_reader_options& from) {
  ReaderOptions out;
  if (from.download_path != nullptr) out.download_path = from.download_path;
  if (from.spill_folder != nullptr) out.spill_folder = from.spill_folder;
  out.fill_sound = from.fill_sound != 0;
  out.e2ee_keys = e2ee_keys_of(from.keys);
  out.identities = identities_of(from.keys);
  const auto asked = std::make_shared<Asked>(from);
  out.stop = asked->cancel.get_token();
  out.progress = [asked](double fraction) {
    if (asked->progress != nullptr) asked->tell(fraction);
  };
  auto downloader = downloader_of(from.download, out.stop);
  if (!downloader) return std::unexpected(std::move(downloader).error());
  out.downloader = *std::move(downloader);
  return out;
}

Json layer_json(const ReaderLayer& layer) {
  return {{"rid", layer.rid ? Json(*layer.rid) : Json()},
          {"mime_type", layer.mime_type},
          {"width", layer.width},
          {"height", layer.height},
          {"start_ns", layer.start_ns},
          {"end_ns", layer.end_ns}};
}

Json track_json(const ReaderTrack& track) {
  Json layers = Json::array();
  for (const ReaderLayer& layer : track.layers) layers.push_back(layer_json(layer));
  return {{"id", track.id},
          {"kind", track.kind == MediaKind::audio ? "audio" : "video"},
          {"streams", track.streams},
          {"refused", track.refused.empty() ? Json() : Json(track.refused)},
          {"layers", std::move(layers)}};
}

Json described(const Reader& reader) {
  const ReaderTimeline timeline = reader.timeline();
  Json tracks = Json::array();
  for (const ReaderTrack& track : reader.tracks()) tracks.push_back(track_json(track));
  return {{"duration_ns", timeline.duration_ns},
          {"started", timeline.started ? Json(format_utc(*timeline.started)) : Json()},
          {"running", timeline.running},
          {"settled_ns", timeline.settled_ns == INT64_MAX ? Json() : Json(timeline.settled_ns)},
          {"tracks", std::move(tracks)}};
}

std::optional<std::string> rid_of(const char* rid) {
  return rid != nullptr ? std::optional<std::string>(rid) : std::nullopt;
}

/// 1, 0, or -1 with the error.
int answer(Result<bool> yes, rtpx_error** error) {
  if (yes) return *yes ? 1 : 0;
  set_error(error, std::move(yes).error());
  return -1;
}

rtpx_frame frame_of(const MediaFrame& frame, const std::string& mime_type) {
  rtpx_frame out{};
  out.data = frame.data.data();
  out.data_size = frame.data.size();
  out.time_ns = frame.time_ns;
  out.duration_ns = frame.duration_ns;
  out.mime_type = mime_type.c_str();
  out.codec_private = frame.codec_private.data();
  out.codec_private_size = frame.codec_private.size();
  out.keyframe = frame.keyframe ? 1 : 0;
  out.damaged = frame.damaged ? 1 : 0;
  out.after_loss = frame.after_loss ? 1 : 0;
  out.filler = frame.filler ? 1 : 0;
  out.new_config = frame.new_config ? 1 : 0;
  out.width = frame.width;
  out.height = frame.height;
  out.sample_rate = frame.sample_rate;
  out.channels = frame.channels;
  out.rotation = frame.rotation;
  out.mirrored = frame.mirrored ? 1 : 0;
  return out;
}

int next_of(Next next) noexcept {
  switch (next) {
    case Next::frame: return RTPX_NEXT_FRAME;
    case Next::not_yet: return RTPX_NEXT_NOT_YET;
    case Next::end: break;
  }
  return RTPX_NEXT_END;
}

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

void rtpx_reader_options_init(rtpx_reader_options* options, size_t size) {
  capi::set_defaults(options, size, capi::default_reader_options());
}

rtpx_reader* rtpx_reader_open(const char* recording, const rtpx_reader_options* options, rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_reader*>(nullptr), [&]() -> rtpx_reader* {
    auto wanted = capi::reader_options(capi::versioned(options, capi::default_reader_options()));
    auto reader = wanted ? Reader::open(capi::text_or_empty(recording), *wanted)
                         : std::unexpected(std::move(wanted).error());
    if (reader && wanted->stop.stop_requested())  // by the last thing that progress was told
      reader = fail(Errc::cancelled, "The recording was not opened: it was cancelled.");
    if (reader) return new rtpx_reader{*std::move(reader)};
    capi::set_error(error, std::move(reader).error());
    return nullptr;
  });
}

void rtpx_reader_free(rtpx_reader* reader) { delete reader; }

char* rtpx_reader_tracks(rtpx_reader* reader, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr),
                       [&] { return capi::copy_text(dump_json(capi::described(reader->reader))); });
}

int rtpx_reader_refresh(rtpx_reader* reader, rtpx_error** error) {
  return capi::guarded(error, -1, [&] { return capi::answer(reader->reader.refresh(), error); });
}

int rtpx_reader_wait(rtpx_reader* reader, uint32_t most_ms, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    return capi::answer(reader->reader.wait(std::chrono::milliseconds(most_ms)), error);
  });
}

int rtpx_reader_keyframe_before(rtpx_reader* reader, const char* track_id, const char* rid, int64_t time_ns,
                                int64_t* keyframe_ns, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    auto found = reader->reader.keyframe_before(capi::text_or_empty(track_id), capi::rid_of(rid), time_ns);
    if (!found) return capi::answer(std::unexpected(std::move(found).error()), error);
    if (*found && keyframe_ns != nullptr) *keyframe_ns = **found;
    return *found ? 1 : 0;
  });
}

void* rtpx_reader_picture(rtpx_reader* reader, const char* track_id, int64_t time_ns, int width, int height,
                          size_t* jpeg_size, rtpx_error** error) {
  return capi::guarded(error, static_cast<void*>(nullptr), [&]() -> void* {
    if (jpeg_size == nullptr) {
      capi::set_error(error, {Errc::invalid_argument, "jpeg_size is NULL"});
      return nullptr;
    }
    auto jpeg = reader->reader.picture(capi::text_or_empty(track_id), time_ns, {width, height});
    if (!jpeg) {
      capi::set_error(error, std::move(jpeg).error());
      return nullptr;
    }
    void* const out = std::malloc(jpeg->size());
    if (out == nullptr) throw std::bad_alloc();
    std::memcpy(out, jpeg->data(), jpeg->size());
    *jpeg_size = jpeg->size();
    return out;
  });
}

rtpx_frames* rtpx_reader_frames(rtpx_reader* reader, const char* track_id, const char* rid, int64_t from_ns,
                                rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_frames*>(nullptr), [&]() -> rtpx_frames* {
    auto frames = reader->reader.frames(capi::text_or_empty(track_id), capi::rid_of(rid), from_ns);
    if (frames) return new rtpx_frames{*std::move(frames), {}};
    capi::set_error(error, std::move(frames).error());
    return nullptr;
  });
}

int rtpx_frames_next(rtpx_frames* frames, rtpx_frame* frame, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    MediaFrame read;
    auto next = frames->frames.next(read);
    if (!next) {
      capi::set_error(error, std::move(next).error());
      return -1;
    }
    if (*next == Next::frame) {
      if (frames->mime_type != read.mime_type) frames->mime_type = read.mime_type;
      capi::give(capi::frame_of(read, frames->mime_type), frame);
    }
    return capi::next_of(*next);
  });
}

int rtpx_frames_seek(rtpx_frames* frames, int64_t time_ns, int64_t* frame_ns, rtpx_error** error) {
  return capi::guarded(error, -1, [&] {
    auto sought = frames->frames.seek(time_ns);
    if (!sought) {
      capi::set_error(error, std::move(sought).error());
      return -1;
    }
    if (frame_ns != nullptr) *frame_ns = *sought;
    return 0;
  });
}

void rtpx_frames_free(rtpx_frames* frames) { delete frames; }

rtpx_pictures* rtpx_reader_pictures(rtpx_reader* reader, const char* track_id, const char* rid, int64_t from_ns,
                                    rtpx_error** error) {
  return capi::guarded(error, static_cast<rtpx_pictures*>(nullptr), [&]() -> rtpx_pictures* {
    const std::string id = capi::text_or_empty(track_id);
    for (const ReaderTrack& track : reader->reader.tracks())
      if (track.id == id && track.kind != MediaKind::video) {
        capi::set_error(error, {Errc::invalid_argument, "track " + id + " has no pictures"});
        return nullptr;
      }
    auto frames = reader->reader.frames(id, capi::rid_of(rid), from_ns);
    if (frames) return capi::make_pictures(capi::decoded(*std::move(frames)));
    capi::set_error(error, std::move(frames).error());
    return nullptr;
  });
}
