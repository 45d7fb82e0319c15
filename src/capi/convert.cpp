#include <tuple>
#include <utility>

#include "base/json.hpp"
#include "capi/call.hpp"
#include "capi/choices.hpp"
#include "capi/keys.hpp"
#include "capi/s3.hpp"
#include "capi/waiting.hpp"
#include "convert/moment.hpp"
#include "report/notes.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx::capi {
namespace {

rtpx_convert_options default_convert_options() noexcept {
  rtpx_convert_options out{};
  out.size = sizeof out;
  out.thumbnail_width = 640;
  out.thumbnail_height = -1;
  out.reencode_crf = 10;
  out.reencode_gop_size = 125;
  out.reencode_cues_to_front = 1;
  out.max_spatial_layer = -1;
  out.max_temporal_layer = -1;
  out.write_reports = 1;
  return out;
}

Result<void> set_choices(const rtpx_convert_options& from, ConvertOptions& out) {
  constexpr std::array kFormats{"auto", "webm", "mkv", "mp4", "fmp4", "ogg", "wav", "ivf", "h264", "h265"};
  constexpr std::array kIncomplete{"keep", "drop", "freeze"};
  constexpr std::array kGaps{"auto", "keep", "fill"};
  constexpr std::array kOnChange{"keep", "split"};
  constexpr std::array kLayers{"all", "best"};
  Result<void> done = choose(from.format, "format", kFormats, out.format);
  if (done) done = choose(from.incomplete, "incomplete", kIncomplete, out.incomplete);
  if (done) done = choose(from.gaps, "gaps", kGaps, out.gaps);
  if (done) done = choose(from.on_change, "on_change", kOnChange, out.on_change);
  if (done) done = choose(from.layers, "layers", kLayers, out.layers);
  if (done) done = choose(from.audio, "audio", kAudioCodecs, out.audio);
  constexpr std::array kCutStarts{"keyframe", "exact", "encode"};
  constexpr std::array kKinds{"audio", "video"};
  static_assert(static_cast<int>(MediaKind::audio) == 0 && static_cast<int>(MediaKind::video) == 1);
  if (done) done = choose(from.cut_start, "cut_start", kCutStarts, out.cut_start);
  if (done && from.only != nullptr) done = choose(from.only, "only", kKinds, out.only.emplace());
  if (done && from.reencode_codec != nullptr)
    done = choose(from.reencode_codec, "reencode_codec", kVideoCodecs, out.reencode.emplace().codec);
  return done;
}

/// Conversion options with what they refer to.
Result<ConvertOptions> convert_options(const rtpx_convert_options& from, Waiting& waiting) {
  ConvertOptions out;
  if (auto chosen = set_choices(from, out); !chosen) return std::unexpected(std::move(chosen).error());
  for (const auto& [text, option, moment] :
       {std::tuple(from.from, "from", &out.from), std::tuple(from.to, "to", &out.to)}) {
    if (text == nullptr) continue;
    auto parsed = parse_moment(text, option);
    if (!parsed) return std::unexpected(std::move(parsed).error());
    *moment = *parsed;
  }
  out.suffix = text_or_empty(from.suffix);
  if (from.output_path != nullptr) out.output_path = from.output_path;
  if (from.download_path != nullptr) out.download_path = from.download_path;
  if (from.only_rids != nullptr) {
    out.only_rids.emplace();
    for (std::size_t i = 0; i < from.only_rid_count; ++i)
      out.only_rids->push_back(from.only_rids[i] != nullptr ? std::optional<std::string>(from.only_rids[i])
                                                            : std::nullopt);
  }
  if (out.reencode) {
    if (from.reencode_bitrate != nullptr) out.reencode->bitrate = from.reencode_bitrate;
    out.reencode->threads = from.reencode_threads;
    out.reencode->crf = from.reencode_crf;
    out.reencode->gop_size = from.reencode_gop_size;
    out.reencode->cues_to_front = from.reencode_cues_to_front != 0;
    if (from.reencode_width != 0 || from.reencode_height != 0)
      out.reencode->resolution = {from.reencode_width != 0 ? from.reencode_width : -1,
                                  from.reencode_height != 0 ? from.reencode_height : -1};
  }
  if (from.thumbnails != 0) out.thumbnails = Thumbnails{from.thumbnail_width, from.thumbnail_height};
  out.sprites = from.sprites;
  if (from.max_spatial_layer >= 0) out.max_spatial_layer = from.max_spatial_layer;
  if (from.max_temporal_layer >= 0) out.max_temporal_layer = from.max_temporal_layer;
  out.opus_fec = from.opus_fec != 0;
  out.join = from.join != 0;
  out.write_reports = from.write_reports != 0;
  out.e2ee_keys = e2ee_keys_of(from.keys);
  out.identities = identities_of(from.keys);
  out.stop = waiting.token();
  out.progress = waiting.progress();
  if (from.uploader != nullptr) out.uploader = from.uploader->uploader;
  auto downloader = downloader_of(from.download, out.stop);
  if (!downloader) return std::unexpected(std::move(downloader).error());
  out.downloader = *std::move(downloader);
  return out;
}

std::string answer(const ConvertResult& result) {
  Json notes = Json::array();
  for (const ConvertNote& note : result.notes)
    notes.push_back(
        {{"severity", name_of(note.severity)}, {"track_id", note.track_id}, {"message", note.message}});
  return R"({"files":)" + serialize_result(result) + R"(,"lost_media":)" + (result.lost_media ? "true" : "false") +
         R"(,"notes":)" + dump_json(notes) + "}";
}

/// Runs `work` on the options.
template <typename Work>
char* run(const rtpx_convert_options* options, rtpx_error** error, Work&& work) noexcept {
  return guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    const rtpx_convert_options given = versioned(options, default_convert_options());
    Waiting waiting(given.stop, given.progress, given.progress_user);
    auto wanted = convert_options(given, waiting);
    if (!wanted) {
      set_error(error, std::move(wanted).error());
      return nullptr;
    }
    Result<ConvertResult> result = work(*wanted);
    if (result) return copy_text(answer(*result));
    set_error(error, std::move(result).error());
    return nullptr;
  });
}

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

rtpx_stop* rtpx_stop_create(void) {
  return capi::guarded(nullptr, static_cast<rtpx_stop*>(nullptr), [] { return new rtpx_stop; });
}
void rtpx_stop_request(rtpx_stop* stop) { stop->source.request_stop(); }
void rtpx_stop_free(rtpx_stop* stop) { delete stop; }

void rtpx_convert_options_init(rtpx_convert_options* options, size_t size) {
  capi::set_defaults(options, size, capi::default_convert_options());
}

char* rtpx_convert(const char* recording, const rtpx_convert_options* options, rtpx_error** error) {
  return capi::run(options, error, [&](const ConvertOptions& wanted) {
    return convert(capi::text_or_empty(recording), wanted);
  });
}

char* rtpx_convert_manifest(const char* manifest, const char* folder, const rtpx_convert_options* options,
                            rtpx_error** error) {
  return capi::run(options, error, [&](const ConvertOptions& wanted) -> Result<ConvertResult> {
    auto tracks = parse_manifest(capi::text_or_empty(manifest));
    if (!tracks) return std::unexpected(std::move(tracks).error());
    return convert(*tracks, capi::text_or_empty(folder), wanted);
  });
}

char* rtpx_read_manifest(const char* path, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto manifest = read_manifest(capi::text_or_empty(path));
    if (manifest) return capi::copy_text(serialize_manifest(*manifest));
    capi::set_error(error, std::move(manifest).error());
    return nullptr;
  });
}

char* rtpx_resolve_location(const char* location, const char* manifest_folder, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    auto file = resolve_location(capi::text_or_empty(location), capi::text_or_empty(manifest_folder));
    if (file) return capi::copy_text(file->string());
    capi::set_error(error, std::move(file).error());
    return nullptr;
  });
}

char* rtpx_inspect(const char* recording, rtpx_stop* stop, rtpx_error** error) {
  return rtpx_inspect_with_keys(recording, nullptr, stop, error);
}

char* rtpx_inspect_with_keys(const char* recording, const rtpx_keys* keys, rtpx_stop* stop, rtpx_error** error) {
  return capi::guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    InspectOptions options;
    options.stop = capi::token_of(stop);
    if (keys != nullptr) {
      options.e2ee_keys = capi::e2ee_keys_of(*keys);
      options.identities = capi::identities_of(*keys);
    }
    auto report = inspect_recording(capi::text_or_empty(recording), options);
    if (report) return capi::copy_text(serialize_report(*report));
    capi::set_error(error, std::move(report).error());
    return nullptr;
  });
}
