#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "commands.hpp"
#include "compose_slices.hpp"
#include "e2ee_keys.hpp"
#include "identity_arguments.hpp"
#include "moment.hpp"
#include "names.hpp"
#include "notes.hpp"
#include "progress.hpp"
#include "remote.hpp"
#include "rtpx/composer.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct ComposeArguments {
  std::vector<std::string> recordings, pan, marks;
  std::string size = "1280x720", stems, e2ee_keys, slice;
  int slices = 0, join = 0;  // 0: not asked for
  IdentityArguments identities;
  std::optional<VideoCodec> codec;
  std::optional<AudioCodec> audio;
  StemFormat stem_format = StemFormat::wav;
  double loudness = 0;
  std::string thumbnail;
  FilmLogo logo;
  FilmClock clock;
  bool want_loudness = false, want_clock = false, want_thumbnail = false, plan = false, json = false, follow = false;
  FollowOptions following;
  int progress_fd = -1;  // -1: the terminal
  ComposeOptions options;
};

const char* const kComposeFooter =
    R"(All participants of a call in one file, made from their packets. Several recordings are joined by their clocks. The name
of the output says what it is: .mp4, .webm, .mkv; sound alone: .ogg, .opus, .m4a, .wav.

Examples:
  rtpx compose call -o call.mp4                           everybody in a grid
  rtpx compose call -o call.webm --layout speaker --size 1920x1080 --codec vp9
  rtpx compose call -o call.m4a --loudness -16            the call's sound, as loud as podcasts are
  rtpx compose call -o mix.wav --stems stems              and each participant's, aligned
  rtpx compose call --plan --layout speaker               who would be where when, and why, as JSON
  rtpx compose call -o call.ogg --mute Bob --pan Alice=-0.5
  rtpx compose call -o call.mp4 --slices 8                by several processes, each slice on its own
  rtpx compose recordings/room --follow -o live           HLS of a call that goes on: live/index.m3u8)";

Result<std::pair<int, int>> film_size(const std::string& text) {
  char* end = nullptr;
  const long width = std::strtol(text.c_str(), &end, 10);
  if (*end == 'x' && end != text.c_str()) {
    const char* const second = end + 1;
    const long height = std::strtol(second, &end, 10);
    if (*end == '\0' && end != second && width > 0 && width < 100'000 && height > 0 && height < 100'000)
      return std::pair(static_cast<int>(width), static_cast<int>(height));
  }
  return fail(Errc::invalid_argument, "--size " + text + ": give WIDTHxHEIGHT");
}

/// "NAME=-0.5"
Result<std::pair<std::string, double>> place_of(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals != std::string::npos && equals > 0 && equals + 1 < text.size()) {
    char* end = nullptr;
    const double to = std::strtod(text.c_str() + equals + 1, &end);
    if (*end == '\0') return std::pair(text.substr(0, equals), to);
  }
  return fail(Errc::invalid_argument, "--pan " + text + ": give NAME=PLACE, from -1 (left) to 1 (right)");
}

/// "12.5=Questions"
Result<FilmMark> mark_of(const std::string& text) {
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '=' || !(seconds >= 0 && seconds < 1e6))
    return fail(Errc::invalid_argument, "--mark " + text + ": give SECONDS=TITLE");
  return FilmMark{static_cast<std::int64_t>(seconds * 1000), end + 1};
}

/// "3/12"
Result<FilmSlice> slice_of(const std::string& text) {
  char* end = nullptr;
  const long number = std::strtol(text.c_str(), &end, 10);
  if (*end == '/' && end != text.c_str()) {
    const char* const second = end + 1;
    const long of = std::strtol(second, &end, 10);
    if (*end == '\0' && end != second && of >= 1 && of <= kMostFilmSlices && number >= 0 && number <= of)
      return FilmSlice{static_cast<int>(number), static_cast<int>(of)};
  }
  return fail(Errc::invalid_argument, "--slice " + text + ": give NUMBER/ALL, as 3/12; 0/12 is the sound");
}

Result<ComposeOptions> complete(const ComposeArguments& arguments) {
  ComposeOptions options = arguments.options;
  const auto size = film_size(arguments.size);
  if (!size) return std::unexpected(size.error());
  std::tie(options.width, options.height) = *size;
  options.codec = arguments.codec;
  options.audio_codec = arguments.audio;
  if (arguments.want_loudness) options.loudness = arguments.loudness;
  if (!arguments.stems.empty()) options.stems = Stems{arguments.stems, arguments.stem_format};
  for (const std::string& one : arguments.pan) {
    const auto place = place_of(one);
    if (!place) return std::unexpected(place.error());
    options.pan.insert(*place);
  }
  for (const std::string& one : arguments.marks) {
    auto mark = mark_of(one);
    if (!mark) return std::unexpected(mark.error());
    options.marks.push_back(std::move(*mark));
  }
  if (!arguments.logo.file.empty()) options.logo = arguments.logo;
  if (arguments.want_thumbnail) {
    const auto size_of_picture = parse_size(arguments.thumbnail.empty() ? "640x" : arguments.thumbnail, "--thumbnail");
    if (!size_of_picture) return std::unexpected(size_of_picture.error());
    options.thumbnail = Thumbnails{size_of_picture->first, size_of_picture->second};
  }
  if (arguments.want_clock) options.clock = arguments.clock;
  if (options.layout.ends_with(".json")) options.layout_file = options.layout;
  if (!arguments.plan && options.output.empty())
    return fail(Errc::invalid_argument, "-o says which file to make; --plan needs none");
  auto keys = load_e2ee_keys(arguments.e2ee_keys);
  if (!keys) return std::unexpected(keys.error());
  options.e2ee_keys = std::move(*keys);
  auto identities = arguments.identities.load();
  if (!identities) return std::unexpected(identities.error());
  options.identities = std::move(*identities);
  for (const std::string& recording : arguments.recordings) {
    auto downloader = downloader_for(recording);
    if (!downloader) return std::unexpected(downloader.error());
    if (*downloader) options.downloader = std::move(*downloader);
  }
  return options;
}

void print_film(const ComposeResult& result) {
  Table table({"file", "length", "who"});
  const std::string length = duration_text(static_cast<double>(result.duration_ms) / 1000);
  table.add({printable(result.file.string()), length, count_text(result.participants, "participant")});
  for (const ComposedStem& stem : result.stems)
    table.add({printable(stem.file.string()), length, printable(stem.name)});
  for (const std::filesystem::path& file : result.side_files) table.add({printable(file.string()), "", ""});
  std::printf("%s", table.text().c_str());
}

Result<ComposeResult> follow(const ComposeArguments& arguments, const ComposeOptions& options, Progress& progress) {
  if (arguments.recordings.size() != 1)
    return fail(Errc::invalid_argument, "--follow makes a film of one recording");
  FollowOptions how = arguments.following;
  how.on_state = [&progress, fps = options.fps](const FollowState& now) mutable {
    progress.show_followed(now.written_ns / 1'000'000, now.waiting_ns / 1'000'000, now.fps);
    if (now.fps == std::exchange(fps, now.fps)) return;
    std::fprintf(stderr, "rtpx compose: %d pictures a second%s\n", now.fps,
                 now.waiting_ns > 0 ? ", as fast as this machine is" : "");
  };
  auto made = follow_composition(arguments.recordings.front(), options, how);
  if (made) progress.show_followed(made->duration_ms, 0, options.fps);
  return made;
}

Result<ComposeResult> make(const ComposeArguments& arguments, const CLI::App& command,
                           const ComposeOptions& options, Progress& progress) {
  if (arguments.follow) return follow(arguments, options, progress);
  if (!arguments.slice.empty()) {
    const auto slice = slice_of(arguments.slice);
    if (!slice) return std::unexpected(slice.error());
    return compose_slice(arguments.recordings, options, *slice);
  }
  if (arguments.slices > 0) return compose_in_slices(command, arguments.recordings, options, arguments.slices);
  if (arguments.join > 0) return join_slices(arguments.recordings, options, arguments.join);
  return compose(arguments.recordings, options);
}

int run_compose(const ComposeArguments& arguments, const CLI::App& command, const Program& program) {
  auto options = complete(arguments);
  if (!options) return report("compose", options.error());
  options->stop = program.stop();
  Progress progress(arguments.progress_fd);
  options->progress = [&](const ConvertProgress& now) {
    progress.show(now.fraction, now.what, now.seconds_left);
  };
  if (arguments.plan) {
    const auto plan = plan_composition(arguments.recordings, *options);
    if (!plan) return report("compose", plan.error());
    std::printf("%s\n", plan->c_str());
    return kDone;
  }
  const auto result = make(arguments, command, *options, progress);
  if (!result) return report("compose", result.error());
  if (arguments.json)
    std::printf("%s\n", serialize_result(*result).c_str());
  else
    print_film(*result);
  print_notes("compose", result->notes);
  return result->lost_media ? kLosses : kDone;
}

void add_overlays(CLI::App& command, ComposeArguments& arguments) {
  const auto places = names<FilmPlace>(
      {{"top-left", FilmPlace::top_left},       {"top", FilmPlace::top},       {"top-right", FilmPlace::top_right},
       {"bottom-left", FilmPlace::bottom_left}, {"bottom", FilmPlace::bottom}, {"bottom-right", FilmPlace::bottom_right}});
  const char* const place = "top-left|top|top-right|bottom-left|bottom|bottom-right";
  CLI::Option* const logo =
      command.add_option("--logo", arguments.logo.file, "Picture over the tiles")->type_name("FILE");
  command.add_option("--logo-place", arguments.logo.place, "Where it lies; default: top-right")
      ->transform(places)
      ->needs(logo)
      ->type_name(place);
  command.add_option("--logo-height", arguments.logo.height, "As a share of the film's height")
      ->check(CLI::Range(0.02, 1.0))
      ->needs(logo)
      ->capture_default_str();
  CLI::Option* const clock =
      command.add_option("--clock", arguments.clock.offset, "The time of the call over the tiles, in UTC or at an offset")
          ->type_name("UTC|+HH:MM");
  command.add_option("--clock-place", arguments.clock.place, "Where it lies; default: bottom-right")
      ->transform(places)
      ->needs(clock)
      ->type_name(place);
}

}  // namespace

void add_compose(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ComposeArguments>();
  ComposeOptions& options = arguments->options;
  CLI::App* command = app.add_subcommand("compose", "Make one film of a call: everybody in one file");
  command->footer(kComposeFooter);
  command->add_option("RECORDING", arguments->recordings, "Folders, manifest.json, or s3:// URLs")
      ->required();
  command->add_option("-o,--output", options.output, "The file to make");
  command
      ->add_option("--layout", options.layout,
                   "grid, speaker, single-speaker, side-by-side, pip, or a file of your own")
      ->capture_default_str()
      ->type_name("NAME|FILE.json");
  command->add_flag("--plan", arguments->plan, "Make nothing; print as JSON who is where when, and why");
  command->add_flag("--audio-only", options.audio_only, "No picture");
  command->add_option("--codec", arguments->codec, "Of the picture; default: what the container is known for")
      ->transform(names<VideoCodec>(
          {{"h264", VideoCodec::h264}, {"vp8", VideoCodec::vp8}, {"vp9", VideoCodec::vp9}, {"av1", VideoCodec::av1}}))
      ->type_name("h264|vp8|vp9|av1");
  command->add_option("--audio", arguments->audio, "Of the sound; default: what the container is known for")
      ->transform(names<AudioCodec>({{"aac", AudioCodec::aac}, {"opus", AudioCodec::opus}}))
      ->type_name("aac|opus");
  command->add_option("--fps", options.fps, "At most so many pictures a second")
      ->check(CLI::Range(1, 120))
      ->capture_default_str();
  command->add_option("--bitrate", options.bitrate, "Of the picture; default: by size and fps");
  command->add_option("--crf", options.crf, "Quality of the picture")
      ->check(CLI::Range(4, 63))
      ->capture_default_str();
  command->add_option("--threads", options.threads, "0: one for each core")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_option("--title", options.title, "Shown at the top for the first five seconds");
  command->add_option("--background", options.background, "Colour behind the tiles")->type_name("#rrggbb");
  command->add_option("--background-image", options.background_image, "Picture behind the tiles")
      ->type_name("FILE");
  add_overlays(*command, *arguments);
  command->add_flag_callback("--no-chapters", [&options] { options.chapters = false; }, "Write no chapters into the file");
  command->add_option("--mark", arguments->marks, "One more chapter (repeatable)")
      ->allow_extra_args(false)
      ->type_name("SECONDS=TITLE");
  command->add_option("--vtt", options.chapters_file, "The chapters as WebVTT")->type_name("FILE");
  command->add_option("--thumbnail", arguments->thumbnail, "A picture beside the film; default size 640x")
      ->expected(0, 1)
      ->default_str("640x")
      ->type_name("WIDTHxHEIGHT");
  command->add_option("--sprites", options.sprites, "That many small pictures for scrubbing, on a sheet")
      ->check(CLI::Range(0, 1000));
  command->add_option("--speech", options.speech_file, "Who spoke when, as JSON or RTTM")->type_name("FILE");
  command->add_option("--timeline", options.timeline_file, "The call for editors, as OpenTimelineIO")
      ->type_name("FILE.otio");
  command
      ->add_option("--timeline-media", options.timeline_media,
                   "Folder for the timeline's files; default: beside it")
      ->type_name("FOLDER");
  command->add_flag_callback("--no-names", [&options] { options.names = false; }, "Write no names on the tiles");
  command->add_option("--size", arguments->size, "Of the picture")
      ->capture_default_str()
      ->type_name("WIDTHxHEIGHT");
  command->add_option("--loudness", arguments->loudness, "Bring the sound to this loudness (EBU R 128)")
      ->type_name("LUFS");
  command->add_option("--solo", options.solo, "Only this participant is heard (repeatable)")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--mute", options.mute, "This participant is not heard (repeatable)")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--pan", arguments->pan, "Place somebody from -1 (left) to 1 (right) (repeatable)")
      ->allow_extra_args(false)
      ->type_name("NAME=PLACE");
  command->add_option("--stems", arguments->stems, "Folder for each participant's sound, aligned")
      ->type_name("FOLDER");
  command->add_option("--stem-format", arguments->stem_format, "Of these files")
      ->transform(
          names<StemFormat>({{"wav", StemFormat::wav}, {"flac", StemFormat::flac}, {"opus", StemFormat::opus}}))
      ->type_name("wav|flac|opus");
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command->add_option("--download-path", options.download_path, "Where recordings from S3 are kept")
      ->capture_default_str();
  CLI::Option* const slices =
      command
          ->add_option("--slices", arguments->slices,
                       "Cut the film into so many slices, each made by a process of its own, and join them")
          ->check(CLI::Range(1, kMostFilmSlices))
          ->type_name("N");
  CLI::Option* const slice =
      command->add_option("--slice", arguments->slice, "Make only this slice, beside the film; 0: the sound")
          ->excludes(slices)
          ->type_name("K/N");
  CLI::Option* const join =
      command->add_option("--join", arguments->join, "Join the N slices that lie beside the film")
          ->check(CLI::Range(1, kMostFilmSlices))
          ->excludes(slices, slice)
          ->type_name("N");
  CLI::Option* const follow =
      command->add_flag("--follow", arguments->follow, "Follow a recording under way: -o is a folder for HLS")
          ->excludes(slices, slice, join);
  command->add_flag("--from-start", arguments->following.from_start, "Follow from its start, not from now on")
      ->needs(follow);
  command->add_flag("--json", arguments->json, "Print the result as JSON");
  add_progress_fd(*command, arguments->progress_fd);
  command->callback([arguments, command, &program] {
    arguments->want_loudness = command->count("--loudness") > 0;
    arguments->want_clock = command->count("--clock") > 0;
    arguments->want_thumbnail = command->count("--thumbnail") > 0;
    program.exit_code = run_compose(*arguments, *command, program);
  });
}

}  // namespace rtpx::cli
