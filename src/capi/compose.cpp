#include "rtpx/composer.hpp"

#include <cmath>
#include <limits>

#include "capi/call.hpp"
#include "capi/choices.hpp"
#include "capi/keys.hpp"
#include "capi/s3.hpp"
#include "capi/waiting.hpp"

namespace rtpx::capi {
namespace {

rtpx_compose_options default_compose_options() noexcept {
  const ComposeOptions defaults;
  rtpx_compose_options out{};
  out.size = sizeof out;
  out.loudness = std::numeric_limits<double>::quiet_NaN();
  out.width = defaults.width;
  out.height = defaults.height;
  out.fps = defaults.fps;
  out.crf = defaults.crf;
  out.threads = defaults.threads;
  out.names = defaults.names ? 1 : 0;
  out.chapters = defaults.chapters ? 1 : 0;
  out.logo_height = FilmLogo().height;
  out.thumbnail_width = Thumbnails().width;
  out.thumbnail_height = Thumbnails().height;
  return out;
}

void set_path(const char* from, std::filesystem::path& to) {
  if (from != nullptr) to = from;
}

Result<void> set_media(const rtpx_compose_options& from, ComposeOptions& out) {
  constexpr std::array kStems{"wav", "flac", "opus"};
  Result<void> done;
  if (from.codec != nullptr) done = choose(from.codec, "codec", kVideoCodecs, out.codec.emplace());
  if (done && from.audio_codec != nullptr)
    done = choose(from.audio_codec, "audio_codec", kAudioCodecs, out.audio_codec.emplace());
  if (done && from.stems_folder != nullptr) {
    out.stems.emplace().folder = from.stems_folder;
    done = choose(from.stems_format, "stems_format", kStems, out.stems->format);
  }
  out.audio_only = from.audio_only != 0;
  out.fps = from.fps;
  out.bitrate = text_or_empty(from.bitrate);
  out.crf = from.crf;
  out.threads = from.threads;
  if (!std::isnan(from.loudness)) out.loudness = from.loudness;
  return done;
}

void set_people(const rtpx_compose_options& from, ComposeOptions& out) {
  out.solo = texts(from.solo, from.solo_count);
  out.mute = texts(from.mute, from.mute_count);
  for (std::size_t i = 0; from.pans != nullptr && i < from.pan_count; ++i)
    out.pan[text_or_empty(from.pans[i].participant)] = from.pans[i].position;
  for (std::size_t i = 0; from.marks != nullptr && i < from.mark_count; ++i)
    out.marks.push_back({from.marks[i].time_ms, text_or_empty(from.marks[i].title)});
}

void set_canvas(const rtpx_compose_options& from, ComposeOptions& out) {
  if (from.layout != nullptr) out.layout = from.layout;
  set_path(from.layout_file, out.layout_file);
  out.width = from.width;
  out.height = from.height;
  out.background = text_or_empty(from.background);
  set_path(from.background_image, out.background_image);
  out.title = text_or_empty(from.title);
  out.names = from.names != 0;
  out.chapters = from.chapters != 0;
}

Result<void> set_overlays(const rtpx_compose_options& from, ComposeOptions& out) {
  Result<void> done;
  if (from.logo != nullptr) {
    FilmLogo& logo = out.logo.emplace();
    logo.file = from.logo;
    logo.height = from.logo_height;
    done = choose(from.logo_place, "logo_place", kFilmPlaces, logo.place);
  }
  if (done && from.clock != nullptr) {
    FilmClock& clock = out.clock.emplace();
    clock.offset = from.clock;
    done = choose(from.clock_place, "clock_place", kFilmPlaces, clock.place);
  }
  if (from.thumbnail != 0) out.thumbnail = Thumbnails{from.thumbnail_width, from.thumbnail_height};
  out.sprites = from.sprites;
  return done;
}

Result<ComposeOptions> compose_options(const rtpx_compose_options& from, Waiting& waiting) {
  ComposeOptions out;
  set_path(from.output, out.output);
  if (auto set = set_media(from, out); !set) return std::unexpected(std::move(set).error());
  set_canvas(from, out);
  if (auto set = set_overlays(from, out); !set) return std::unexpected(std::move(set).error());
  set_people(from, out);
  set_path(from.chapters_file, out.chapters_file);
  set_path(from.speech_file, out.speech_file);
  set_path(from.timeline_file, out.timeline_file);
  set_path(from.timeline_media, out.timeline_media);
  set_path(from.download_path, out.download_path);
  out.e2ee_keys = e2ee_keys_of(from.keys);
  out.identities = identities_of(from.keys);
  out.stop = waiting.token();
  out.progress = waiting.progress();
  auto downloader = downloader_of(from.download, out.stop);
  if (!downloader) return std::unexpected(std::move(downloader).error());
  out.downloader = *std::move(downloader);
  return out;
}

/// Runs `work`, which answers JSON, on the recordings and the options.
template <typename Work>
char* composed(const char* const* recordings, std::size_t count, const rtpx_compose_options* options,
               rtpx_error** error, Work&& work) noexcept {
  return guarded(error, static_cast<char*>(nullptr), [&]() -> char* {
    const rtpx_compose_options given = versioned(options, default_compose_options());
    Waiting waiting(given.stop, given.progress, given.progress_user);
    auto wanted = compose_options(given, waiting);
    Result<std::string> json = wanted ? work(texts(recordings, count), *wanted)
                                      : std::unexpected(std::move(wanted).error());
    if (json) return copy_text(*json);
    set_error(error, std::move(json).error());
    return nullptr;
  });
}

}  // namespace
}  // namespace rtpx::capi

using namespace rtpx;

void rtpx_compose_options_init(rtpx_compose_options* options, size_t size) {
  capi::set_defaults(options, size, capi::default_compose_options());
}

char* rtpx_compose(const char* const* recordings, size_t count, const rtpx_compose_options* options,
                   rtpx_error** error) {
  return capi::composed(recordings, count, options, error,
                        [](const std::vector<std::string>& calls, const ComposeOptions& wanted) -> Result<std::string> {
                          auto film = compose(calls, wanted);
                          if (!film) return std::unexpected(std::move(film).error());
                          return serialize_result(*film);
                        });
}

char* rtpx_plan_composition(const char* const* recordings, size_t count, const rtpx_compose_options* options,
                            rtpx_error** error) {
  return capi::composed(recordings, count, options, error, plan_composition);
}
