// rtpx convert: a recording becomes files that play.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <set>

#include "commands.hpp"
#include "convert/publish.hpp"
#include "convert/convert_streams.hpp"
#include "e2ee_keys.hpp"
#include "identity_arguments.hpp"
#include "moment.hpp"
#include "names.hpp"
#include "notes.hpp"
#include "progress.hpp"
#include "remote.hpp"
#include "rtpx/converter.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct ConvertArguments {
  std::string recording, upload, thumbnail, reencode, resolution, e2ee_keys, from, to, exact, only;
  std::vector<std::string> rids, streams;
  IdentityArguments identities;
  Reencode codec;  // its options; used when --reencode is given
  bool want_thumbnail = false, want_reencode = false, want_exact = false;  // also without a value
  bool seal_output = false;
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
  rtpx convert call -o videos --only audio --format ogg  the sound alone
  rtpx convert call -o clips --from 12:30 --to 15:00     whole pictures from the keyframe before on
  rtpx convert call -o clips --from 12:30 --to 15:00 --exact --format mp4
  rtpx convert call -o videos --reencode h264 --resolution 1280x720 --bitrate 2M
  rtpx convert s3://bucket/calls/today -o videos --upload s3://bucket/videos)";

std::string choices(std::initializer_list<const char*> words) {
  std::string out;
  for (const char* word : words) out += (out.empty() ? "" : "|") + std::string(word);
  return out;
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
  if (!arguments.only.empty()) options.only = arguments.only == "audio" ? MediaKind::audio : MediaKind::video;
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
  auto keys = load_e2ee_keys(arguments.e2ee_keys);
  if (!keys) return std::unexpected(keys.error());
  options.e2ee_keys = std::move(*keys);
  auto identities = arguments.identities.load();
  if (!identities) return std::unexpected(identities.error());
  options.identities = std::move(*identities);
  for (const auto& [text, option, moment] : {std::tuple(&arguments.from, "--from", &options.from),
                                             std::tuple(&arguments.to, "--to", &options.to)}) {
    if (text->empty()) continue;
    const auto parsed = parse_moment(*text, option);
    if (!parsed) return std::unexpected(parsed.error());
    *moment = *parsed;
  }
  if (arguments.want_exact) {
    if (!options.from) return fail(Errc::invalid_argument, "--exact needs --from");
    if (!arguments.exact.empty() && arguments.exact != "edit" && arguments.exact != "encode")
      return fail(Errc::invalid_argument, "--exact=" + arguments.exact + ": choose edit or encode");
    options.cut_start = arguments.exact == "encode" ? CutStart::encode : CutStart::exact;
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

/// What was written beside the recording's own files.
Result<void> seal_outputs(const ConvertResult& result, std::span<const Recipient> recipients) {
  std::set<std::filesystem::path> files;
  for_each_location(result, [&](const std::string& location) { files.insert(location); });
  for (const std::filesystem::path& file : files) {
    if (!std::filesystem::is_regular_file(file)) continue;
    if (auto sealed = seal_file(file, recipients); !sealed) return sealed;
  }
  return {};
}

int run(const ConvertArguments& arguments, const Program& program) {
  auto options = complete(arguments);
  if (!options) return report("convert", options.error());
  std::vector<Recipient> recipients;
  if (arguments.seal_output) {
    recipients = recipients_of(arguments.recording).value_or(std::vector<Recipient>());
    if (recipients.empty())
      return report("convert", Error{Errc::invalid_argument,
                                     "--seal-output seals for the recording's recipients, and " + arguments.recording +
                                         " has none here"});
    if (!arguments.upload.empty())
      return report("convert", Error{Errc::invalid_argument,
                                     "--upload stores files before they are sealed: upload them afterwards"});
  }
  options->stop = program.stop();
  const auto result = [&] {
    Progress progress(arguments.progress_fd);
    options->progress = [&](const ConvertProgress& now) {
      progress.show(now.fraction, now.what, now.seconds_left);
    };
    return convert_streams(arguments.recording, *options, arguments.streams);
  }();
  if (!result) return report("convert", result.error());
  if (arguments.seal_output)
    if (auto sealed = seal_outputs(*result, recipients); !sealed) return report("convert", sealed.error());
  if (arguments.json)
    std::printf("%s\n", serialize_result(*result).c_str());
  else
    print_files(*result);
  print_notes("convert", result->notes);
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
  command
      .add_option("--stream", arguments.streams,
                  "Only this media stream, or track of none, by its id (repeatable)")
      ->type_name("ID")
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
  command
      .add_option("--pauses", options.pauses,
                  "Pauses of the whole recording: a gap as long as they were, or no time at all")
      ->transform(names<Pauses>({{"keep", Pauses::keep}, {"cut", Pauses::cut}}))
      ->type_name("keep|cut");
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
  command.add_option("--only", arguments.only, "Sound alone, or pictures alone")
      ->check(CLI::IsMember({"audio", "video"}))
      ->type_name("audio|video");
  command
      .add_option("--suffix", options.suffix,
                  "At the end of each file's name: what tells several conversions into one folder apart")
      ->type_name("TEXT");
  command.add_option("--from", arguments.from, "Only from there on: [[h:]m:]s, or a time on the wall clock")
      ->type_name("TIME");
  command.add_option("--to", arguments.to, "Only until there")->type_name("TIME");
  command
      .add_option("--exact", arguments.exact,
                  "Begin exactly at --from, not at the keyframe before: by an edit list (MP4), or by "
                  "encoding up to the "
                  "next keyframe anew (--exact=encode)")
      ->expected(0, 1)
      ->default_str("edit")
      ->type_name("edit|encode");
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

void add_limits(CLI::App& command, ConvertArguments& arguments) {
  command
      .add_option("--max-output", arguments.options.max_output,
                  "The most that is written; default: 4 times the recording and 1 GiB; 0: no limit")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command
      .add_option("--min-free", arguments.options.min_free, "Stop when less than that is free on the disk")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue(false));
  command.add_flag("--allow-outside", arguments.options.allow_outside, kAllowOutsideHelp);
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
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command
      ->add_option("--download-path", arguments->options.download_path, "Where recordings from S3 are kept")
      ->capture_default_str();
  command->add_option("--upload", arguments->upload, "Store the files there")
      ->type_name("s3://BUCKET/PREFIX");
  command->add_flag("--seal-output", arguments->seal_output,
                    "Seal the files for those for whom the recording is sealed, once they are made");
  add_limits(*command, *arguments);
  command->add_flag("--no-reports", arguments->no_reports, "Write no <file>.report.json");
  command->add_flag("--json", arguments->json, "Print the result manifest as JSON");
  add_progress_fd(*command, arguments->progress_fd);
  command->callback([arguments, command, &program] {
    arguments->want_thumbnail = command->count("--thumbnail") > 0;
    arguments->want_reencode = command->count("--reencode") > 0;
    arguments->want_exact = command->count("--exact") > 0;
    program.exit_code = run(*arguments, program);
  });
}

}  // namespace rtpx::cli
