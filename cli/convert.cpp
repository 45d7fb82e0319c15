// rtpx convert: a recording becomes files that play.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "commands.hpp"
#include "progress.hpp"
#include "remote.hpp"
#include "rtpx/converter.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct ConvertArguments {
  std::string recording, upload, thumbnail, reencode, resolution;
  std::vector<std::string> rids;
  Reencode codec;                                      // its options; used when --reencode is given
  bool want_thumbnail = false, want_reencode = false;  // also without a value
  bool cues_at_end = false, no_reports = false, json = false;
  int progress_fd = -1;  // -1: the terminal
  ConvertOptions options;
};

const char* const kConvertFooter =
    R"(Each stream (and each simulcast layer of it) becomes one file with sound and picture in step: WebM where its codecs
allow, else Matroska or MP4. Nothing is re-encoded unless asked for. Lost packets are repaired from RTX, RED and FEC;
what stays lost is said on stderr and in <file>.report.json, and then the exit status is 1.

Examples:
  rtpx convert call -o videos
  rtpx convert call -o videos --layers best --thumbnail --sprites 100
  rtpx convert call -o videos --format mp4 --audio aac
  rtpx convert call -o videos --rid f                    only the simulcast layer f
  rtpx convert call -o videos --reencode h264 --resolution 1280x720 --bitrate 2M
  rtpx convert s3://bucket/calls/today -o videos --upload s3://bucket/videos)";

template <typename Enum>
CLI::Validator names(std::vector<std::pair<std::string, Enum>> mapping) {
  return CLI::Validator(
      [mapping = std::move(mapping)](std::string& text) {
        std::string known;
        for (const auto& [name, value] : mapping) {
          if (CLI::detail::to_lower(text) == name) {
            text = std::to_string(static_cast<int>(value));
            return std::string();
          }
          known += (known.empty() ? "" : ", ") + name;
        }
        return "\"" + text + "\" is none of " + known;
      },
      "");
}

std::string choices(std::initializer_list<const char*> words) {
  std::string out;
  for (const char* word : words) out += (out.empty() ? "" : "|") + std::string(word);
  return out;
}

/// "640x360", "640x" or "x360": a side left out keeps the aspect.
Result<std::pair<int, int>> parse_size(const std::string& text, const char* option) {
  const auto side = [](const std::string& number) -> std::optional<int> {
    if (number.empty() || number == "-1") return -1;
    char* end = nullptr;
    const long value = std::strtol(number.c_str(), &end, 10);
    return *end == '\0' && value >= 1 && value <= 16384 ? std::optional(static_cast<int>(value))
                                                        : std::nullopt;
  };
  const std::size_t x = text.find('x');
  if (x != std::string::npos) {
    const auto width = side(text.substr(0, x)), height = side(text.substr(x + 1));
    if (width && height && (*width > 0 || *height > 0)) return std::pair(*width, *height);
  }
  return fail(Errc::invalid_argument,
              std::string(option) + " " + text + ": give WIDTHxHEIGHT; 640x or x360 keeps the aspect");
}

Result<VideoCodec> parse_video_codec(const std::string& name) {
  if (name == "vp8") return VideoCodec::vp8;
  if (name == "vp9") return VideoCodec::vp9;
  if (name == "av1") return VideoCodec::av1;
  if (name == "h264") return VideoCodec::h264;
  return fail(Errc::invalid_argument, "--reencode " + name + ": choose vp8, vp9, av1 or h264");
}

Result<ConvertOptions> complete(const ConvertArguments& arguments) {
  ConvertOptions options = arguments.options;
  options.write_reports = !arguments.no_reports;
  if (arguments.want_thumbnail) {
    const auto size = parse_size(arguments.thumbnail.empty() ? "640x" : arguments.thumbnail, "--thumbnail");
    if (!size) return std::unexpected(size.error());
    options.thumbnails = Thumbnails{size->first, size->second};
  }
  if (!arguments.rids.empty()) {
    options.only_rids.emplace();
    for (const std::string& rid : arguments.rids)
      options.only_rids->push_back(rid == "nil" ? std::nullopt : std::optional(rid));
  }
  if (arguments.want_reencode) {
    const auto codec = parse_video_codec(arguments.reencode.empty() ? "vp8" : arguments.reencode);
    if (!codec) return std::unexpected(codec.error());
    options.reencode = arguments.codec;
    options.reencode->codec = *codec;
    options.reencode->cues_to_front = !arguments.cues_at_end;
    if (!arguments.resolution.empty()) {
      const auto size = parse_size(arguments.resolution, "--resolution");
      if (!size) return std::unexpected(size.error());
      options.reencode->resolution = *size;
    }
  } else if (!arguments.resolution.empty()) {
    return fail(Errc::invalid_argument, "--resolution needs --reencode: nothing else changes the picture");
  }
  auto downloader = downloader_for(arguments.recording);
  if (!downloader) return std::unexpected(downloader.error());
  options.downloader = std::move(*downloader);
  if (!arguments.upload.empty()) {
    auto uploader = uploader_for(arguments.upload);
    if (!uploader) return std::unexpected(uploader.error());
    options.uploader = std::move(*uploader);
  }
  return options;
}

void print_files(const ConvertResult& result) {
  Table table({"file", "length", "starts at", "also"});
  for (const auto& [id, file] : result.files) {
    std::string also;
    for (const ConvertedPart& part : file.parts)
      also += (also.empty() ? "" : ", ") + std::filesystem::path(part.location).filename().string();
    if (file.thumbnail_location) also += (also.empty() ? "" : ", ") + *file.thumbnail_location;
    table.add({printable(file.location), duration_text(static_cast<double>(file.duration_ms) / 1000),
               duration_text(static_cast<double>(file.offset_ms) / 1000), printable(also)});
  }
  std::printf("%s", table.text().c_str());
}

void print_notes(const ConvertResult& result) {
  for (const ConvertNote& note : result.notes) {
    const char* severity = note.severity == ConvertNote::Severity::loss      ? "lost: "
                           : note.severity == ConvertNote::Severity::skipped ? "skipped: "
                                                                             : "";
    std::fprintf(stderr, "rtpx convert: %s%s\n", severity, printable(note.message).c_str());
  }
}

int run(const ConvertArguments& arguments, const Program& program) {
  auto options = complete(arguments);
  if (!options) return report("convert", options.error());
  options->stop = program.stop();
  const auto result = [&] {
    Progress progress(arguments.progress_fd);
    options->progress = [&](const ConvertProgress& now) {
      progress.show(now.fraction, now.what, now.seconds_left);
    };
    return convert(arguments.recording, *options);
  }();
  if (!result) return report("convert", result.error());
  if (arguments.json)
    std::printf("%s\n", serialize_result(*result).c_str());
  else
    print_files(*result);
  print_notes(*result);
  return result->lost_media ? kLosses : kDone;
}

void add_media_options(CLI::App& command, ConvertArguments& arguments) {
  ConvertOptions& options = arguments.options;
  command.add_option("--format", options.format, "Container; default: the one that fits the codecs")
      ->transform(names<Format>({{"auto", Format::automatic},
                                 {"webm", Format::webm},
                                 {"mkv", Format::mkv},
                                 {"mp4", Format::mp4},
                                 {"fmp4", Format::fmp4},
                                 {"ogg", Format::ogg},
                                 {"wav", Format::wav},
                                 {"ivf", Format::ivf},
                                 {"h264", Format::h264},
                                 {"h265", Format::h265}}))
      ->type_name(choices({"auto", "webm", "mkv", "mp4", "fmp4", "ogg", "wav", "ivf", "h264", "h265"}));
  command
      .add_option("--layers", options.layers, "A file for each simulcast layer, or one of the best there is")
      ->transform(names<Layers>({{"all", Layers::all}, {"best", Layers::best}}))
      ->type_name("all|best");
  command
      .add_option("--rid", arguments.rids,
                  "Only this simulcast layer (repeatable); nil: tracks without layers")
      ->allow_extra_args(false);
  command.add_option("--max-spatial-layer", options.max_spatial_layer,
                     "Leave out higher layers of VP9 and AV1 SVC");
  command.add_option("--max-temporal-layer", options.max_temporal_layer,
                     "Leave out higher frame rates of SVC");
  command
      .add_option("--incomplete", options.incomplete,
                  "Pictures that refer to a lost one: keep, drop, or hold the last good one")
      ->transform(names<Incomplete>(
          {{"keep", Incomplete::keep}, {"drop", Incomplete::drop}, {"freeze", Incomplete::freeze}}))
      ->type_name("keep|drop|freeze");
  command
      .add_option("--gaps", options.gaps,
                  "Gaps: leave, or fill with silence and the last picture; default: fill sound only")
      ->transform(names<GapPolicy>(
          {{"auto", GapPolicy::automatic}, {"keep", GapPolicy::keep}, {"fill", GapPolicy::fill}}))
      ->type_name("auto|keep|fill");
  command
      .add_option("--on-change", options.on_change,
                  "Other resolution or parameter sets in mid-call: in one file, or a new part")
      ->transform(names<OnChange>({{"keep", OnChange::keep}, {"split", OnChange::split}}))
      ->type_name("keep|split");
  command.add_option("--audio", options.audio, "Sound: as recorded, or encoded anew")
      ->transform(names<AudioCodec>({{"copy", AudioCodec::copy},
                                     {"opus", AudioCodec::opus},
                                     {"aac", AudioCodec::aac},
                                     {"flac", AudioCodec::flac},
                                     {"pcm", AudioCodec::pcm}}))
      ->type_name("copy|opus|aac|flac|pcm");
  command.add_flag("--opus-fec", options.opus_fec,
                   "Decode Opus in-band FEC where packets are missing (with --audio)");
  command.add_flag("--join", options.join, "All streams into one Matroska file, on one clock");
  command.add_option("--reorder-buffer-size", options.reorder_buffer_size,
                     "Taken for compatibility; has no effect, since lateness has no limit here");
}

void add_picture_options(CLI::App& command, ConvertArguments& arguments) {
  command.add_option("--thumbnail", arguments.thumbnail, "A picture beside each file; default size 640x")
      ->expected(0, 1)
      ->default_str("640x")
      ->type_name("WIDTHxHEIGHT");
  command
      .add_option("--sprites", arguments.options.sprites,
                  "That many small pictures for scrubbing, on a sheet")
      ->check(CLI::Range(0, 10000));
  command.add_option("--reencode", arguments.reencode, "Encode the picture anew; default codec vp8")
      ->expected(0, 1)
      ->default_str("vp8")
      ->type_name("vp8|vp9|av1|h264");
  command.add_option("--resolution", arguments.resolution, "Of the re-encoded picture")
      ->type_name("WIDTHxHEIGHT");
  command.add_option("--bitrate", arguments.codec.bitrate, "Of the re-encoded picture")
      ->capture_default_str();
  command.add_option("--crf", arguments.codec.crf, "Quality of the re-encoded picture")
      ->check(CLI::Range(4, 63))
      ->capture_default_str();
  command.add_option("--gop-size", arguments.codec.gop_size, "Frames from keyframe to keyframe")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--threads", arguments.codec.threads, "Of the encoder; 0: one for each core")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_flag("--cues-at-end", arguments.cues_at_end, "Re-encoded files: the index after the media");
}

}  // namespace

void add_convert(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command = app.add_subcommand("convert", "Turn a recording into files that play");
  command->footer(kConvertFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("-o,--output", arguments->options.output_path, "Folder for the files")
      ->capture_default_str();
  add_media_options(*command, *arguments);
  add_picture_options(*command, *arguments);
  command
      ->add_option("--download-path", arguments->options.download_path, "Where recordings from S3 are kept")
      ->capture_default_str();
  command->add_option("--upload", arguments->upload, "Store the files there")
      ->type_name("s3://BUCKET/PREFIX");
  command->add_flag("--no-reports", arguments->no_reports, "Write no <file>.report.json");
  command->add_flag("--json", arguments->json, "Print the result manifest as JSON");
  command
      ->add_option("--progress-fd", arguments->progress_fd,
                   "Write progress to this descriptor, a line of JSON each")
      ->type_name("N")
      ->check(CLI::Range(3, 1023));
  command->callback([arguments, command, &program] {
    arguments->want_thumbnail = command->count("--thumbnail") > 0;
    arguments->want_reencode = command->count("--reencode") > 0;
    program.exit_code = run(*arguments, program);
  });
}

}  // namespace rtpx::cli
