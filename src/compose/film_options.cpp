#include "compose/film_options.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>

#include "compose/overlays.hpp"
#include "media/sprites.hpp"
#include "mux/muxer.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::film {
namespace {

constexpr std::uintmax_t kLargestLayout = 1U << 20;

struct Container {
  const char* extension;
  Target target;
};

constexpr Container kContainers[] = {
    {".mp4", {Format::mp4, VideoCodec::h264, AudioCodec::aac}},
    {".webm", {Format::webm, VideoCodec::vp8, AudioCodec::opus}},
    {".mkv", {Format::mkv, VideoCodec::h264, AudioCodec::opus}},
    {".ogg", {Format::ogg, std::nullopt, AudioCodec::opus}},
    {".oga", {Format::ogg, std::nullopt, AudioCodec::opus}},
    {".opus", {Format::ogg, std::nullopt, AudioCodec::opus}},
    {".m4a", {Format::mp4, std::nullopt, AudioCodec::aac}},
    {".wav", {Format::wav, std::nullopt, AudioCodec::pcm}},
};

/// Those that options name: the film, and what goes beside it.
std::vector<std::filesystem::path> files_of(const ComposeOptions& options) {
  std::vector<std::filesystem::path> out;
  for (const auto* file : {&options.output, &options.chapters_file, &options.speech_file, &options.timeline_file})
    if (!file->empty()) out.push_back(*file);
  return out;
}

bool is_named(const Participant& one, const std::string& who) {
  return one.id == who || one.name == who;
}

Result<Layout> layout_of(const ComposeOptions& options) {
  if (options.layout_file.empty()) return layout_by_name(options.layout);
  const std::string name = options.layout_file.string();
  std::error_code failed;
  const auto size = std::filesystem::file_size(options.layout_file, failed);
  if (failed) return fail(Errc::not_found, "cannot read the layout " + name + ": " + failed.message());
  if (size > kLargestLayout) return fail(Errc::malformed, name + " is too large for a layout");
  std::ifstream file(options.layout_file, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return fail(Errc::io, "cannot read the layout " + name);
  auto layout = parse_layout(text.str(), name);
  // Absolute: a file here, whatever it is called.
  if (layout && layout->logo)
    layout->logo->file = std::filesystem::absolute(options.layout_file).parent_path() / layout->logo->file;
  return layout;
}

/// The same for each way of naming a place, as far as the place is there.
std::filesystem::path settled(const std::filesystem::path& path) {
  std::error_code failed;
  const auto out = std::filesystem::weakly_canonical(std::filesystem::absolute(path, failed), failed);
  return failed ? path : out;
}

/// No two of the files that are to be made are one, and none is a recording's own.
Result<void> check_files(const ComposeOptions& options) {
  const std::vector<std::filesystem::path> files = files_of(options);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (auto checked = refuse_recording_file(files[i]); !checked) return fail(Errc::invalid_argument, checked.error().message);
    for (std::size_t j = 0; j < i; ++j)
      if (settled(files[i]) == settled(files[j]))
        return fail(Errc::invalid_argument, files[i].string() + " is named for two different files");
  }
  return {};
}

}  // namespace

Result<Target> target_of(const ComposeOptions& options) {
  std::string extension = options.output.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  const auto found =
      std::ranges::find_if(kContainers, [&](const Container& one) { return extension == one.extension; });
  if (found == std::end(kContainers))
    return fail(Errc::invalid_argument,
                options.output.string() +
                    ": the name says what to make: give one that ends in .mp4, .webm, .mkv, "
                    ".ogg, .opus, .m4a or .wav");
  Target target = found->target;
  if (options.audio_only) target.video.reset();
  if (!target.video && (options.thumbnail || options.sprites > 0))
    return fail(Errc::invalid_argument, "sound alone has neither a thumbnail nor sprites");
  if (!target.video && options.codec) return fail(Errc::invalid_argument, "sound alone has no picture to be encoded");
  if (target.video && options.codec) target.video = options.codec;
  if (options.audio_codec && target.format != Format::wav) target.audio = *options.audio_codec;
  if (target.video && !format_holds(target.format, mime_type_of(*target.video)))
    return fail(Errc::invalid_argument,
                std::string(name_of(target.format)) + " cannot hold " + mime_type_of(*target.video));
  if (target.format == Format::webm && target.audio != AudioCodec::opus)
    return fail(Errc::invalid_argument, "WebM holds no sound but Opus");
  return target;
}

Reencode encoding_of(const ComposeOptions& options, VideoCodec codec) {
  Reencode out;
  out.codec = codec;
  out.crf = options.crf;
  out.threads = options.threads;
  out.gop_size = 100'000;  // FilmPictures says where a player can begin
  // A tenth of a bit for each pixel; what hardly moves needs far less.
  const double rate = std::clamp(0.1 * options.width * options.height * options.fps, 200e3, 100e6);
  out.bitrate = options.bitrate.empty() ? std::to_string(static_cast<std::int64_t>(rate)) : options.bitrate;
  return out;
}

int threads_of(const ComposeOptions& options) {
  if (options.threads > 0) return std::min(options.threads, 64);
  return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 16U));
}

FilmPictureOptions painting_of(const ComposeOptions& options, const Layout& layout, std::optional<UtcTime> started) {
  FilmPictureOptions out;
  out.fps = options.fps;
  out.threads = threads_of(options);
  out.background = layout.background;
  out.background_image = options.background_image;
  out.title = options.title;
  out.names = options.names;
  out.logo = layout.logo;
  out.clock = layout.clock;
  out.started = started;
  return out;
}

Result<Layout> read_layout(const ComposeOptions& options) {
  auto layout = layout_of(options);
  if (!layout) return layout;
  if (options.logo) layout->logo = options.logo;
  if (options.clock) layout->clock = options.clock;
  if (options.background.empty()) return layout;
  const auto colour = parse_colour(options.background);
  if (!colour) return std::unexpected(colour.error());
  layout->background = *colour;
  return layout;
}

Result<void> check(const ComposeOptions& options) {
  const bool possible = options.width >= 160 && options.width <= 7'680 && options.height >= 90 &&
                        options.height <= 4'320 && options.width % 2 == 0 && options.height % 2 == 0;
  if (!possible)
    return fail(Errc::invalid_argument, "a film of " + std::to_string(options.width) + "x" +
                                            std::to_string(options.height) +
                                            " is not possible: give even sides of 160x90 to 7680x4320");
  if (options.fps < 1 || options.fps > 120)
    return fail(Errc::invalid_argument,
                "a film has 1 to 120 pictures a second, not " + std::to_string(options.fps));
  if (options.audio_codec && *options.audio_codec != AudioCodec::aac &&
      *options.audio_codec != AudioCodec::opus)
    return fail(Errc::invalid_argument, "the sound of a film is AAC or Opus");
  if (options.loudness && !(*options.loudness >= -70 && *options.loudness <= 0))
    return fail(Errc::invalid_argument,
                "a loudness is -70 to 0 LUFS; -16 is usual on the web, -23 in broadcasts");
  if (options.sprites < 0 || options.sprites > kMostSprites)
    return fail(Errc::invalid_argument, "the number of sprites must be 0 to " + std::to_string(kMostSprites));
  if (options.thumbnail)
    for (const int side : {options.thumbnail->width, options.thumbnail->height})
      if (side != -1 && (side < 1 || side > 16'384))
        return fail(Errc::invalid_argument, "a side of a thumbnail must be -1 or 1 to 16384");
  if (options.logo && !(options.logo->height >= 0.02 && options.logo->height <= 1))
    return fail(Errc::invalid_argument, "a logo's height is a share of the picture's: 0.02 to 1");
  if (options.logo && options.logo->file.empty()) return fail(Errc::invalid_argument, "a logo names no file");
  if (options.clock)
    if (const auto offset = parse_clock_offset(options.clock->offset); !offset) return std::unexpected(offset.error());
  for (const auto& [who, to] : options.pan)
    if (!(to >= -1 && to <= 1))
      return fail(Errc::invalid_argument, "the place of " + who + " is not within -1 (left) and 1 (right)");
  return check_files(options);
}

std::set<std::string> names_taken(const ComposeOptions& options, const std::filesystem::path& folder,
                                  const std::string& extension) {
  std::set<std::string> out;
  for (const std::filesystem::path& file : files_of(options))
    if (file.extension() == extension && settled(file).parent_path() == settled(folder))
      out.insert(file.stem().string());
  return out;
}

Result<std::vector<Voice>> voices_of(const Call& call, const ComposeOptions& options) {
  const auto known = [&](const std::string& who) -> Result<void> {
    if (std::ranges::any_of(call.participants, [&](const Participant& one) { return is_named(one, who); }))
      return {};
    std::string all;
    for (const Participant& one : call.participants) all += (all.empty() ? "" : ", ") + one.name;
    return fail(Errc::invalid_argument, "nobody in the call is called \"" + who + "\"; there are " + all);
  };
  for (const auto* list : {&options.solo, &options.mute})
    for (const std::string& who : *list)
      if (auto is = known(who); !is) return std::unexpected(is.error());
  for (const auto& [who, to] : options.pan)
    if (auto is = known(who); !is) return std::unexpected(is.error());
  std::vector<Voice> out;
  for (const Participant& one : call.participants) {
    const auto names = [&](const std::string& who) { return is_named(one, who); };
    Voice voice;
    voice.heard = (options.solo.empty() || std::ranges::any_of(options.solo, names)) &&
                  std::ranges::none_of(options.mute, names);
    for (const auto& [who, to] : options.pan)
      if (is_named(one, who)) voice.pan = to;
    out.push_back(voice);
  }
  return out;
}

}  // namespace rtpx::film
