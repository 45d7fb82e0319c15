// rtpx frame: a picture of a recording.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "e2ee_keys.hpp"
#include "identity_arguments.hpp"
#include "moment.hpp"
#include "output_file.hpp"
#include "progress.hpp"
#include "remote.hpp"
#include "rtpx/reader.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct FrameArguments {
  std::string recording, at, output, track, size, e2ee_keys;
  ReaderOptions options;
  IdentityArguments identities;
  bool json = false;
};

const char* const kFrameFooter =
    R"(The picture that is shown at that moment, turned upright, as JPEG. Times are seconds or [[h:]m:]s from the recording's
first media, or a time on the wall clock (2026-11-28T21:57:03Z).

Examples:
  rtpx frame call --at 1:23.5 -o frame.jpg
  rtpx frame call --at 2026-11-28T21:57:03Z --track screen --size 640x -o -  > frame.jpg)";

Result<std::string> picture_track(const Reader& reader, const std::string& wanted) {
  std::string known;
  for (const ReaderTrack& track : reader.tracks()) {
    if (track.kind != MediaKind::video || (wanted.empty() && track.layers.empty())) continue;
    if (wanted.empty() || track.id == wanted) return track.id;
    known += (known.empty() ? "" : ", ") + track.id;
  }
  if (wanted.empty()) return fail(Errc::nothing_to_convert, "the recording has no track of pictures");
  return fail(Errc::not_found,
              "there is no track of pictures " + wanted + (known.empty() ? "" : "; there is " + known));
}

bool is_jpeg_name(const std::string& file) {
  const std::string extension = CLI::detail::to_lower(std::filesystem::path(file).extension());
  return extension == ".jpg" || extension == ".jpeg";
}

int run(FrameArguments& arguments, const Program& program) {
  if (arguments.output != "-" && !is_jpeg_name(arguments.output))
    return report("frame", Error{Errc::invalid_argument, "-o " + arguments.output +
                                                             ": pictures are JPEG; name it .jpg or .jpeg"});
  const auto at = parse_moment(arguments.at, "--at");
  if (!at) return report("frame", at.error());
  PictureOptions picture;
  if (!arguments.size.empty()) {
    const auto size = parse_size(arguments.size, "--size");
    if (!size) return report("frame", size.error());
    picture = {size->first, size->second};
  }
  auto downloader = downloader_for(arguments.recording);
  if (!downloader) return report("frame", downloader.error());
  arguments.options.downloader = std::move(*downloader);
  auto identities = arguments.identities.load();
  if (!identities) return report("frame", identities.error());
  arguments.options.identities = std::move(*identities);
  auto keys = load_e2ee_keys(arguments.e2ee_keys);
  if (!keys) return report("frame", keys.error());
  arguments.options.e2ee_keys = std::move(*keys);
  arguments.options.stop = program.stop();
  auto reader = Reader::open(arguments.recording, arguments.options);
  if (!reader) return report("frame", reader.error());
  const ReaderTimeline timeline = reader->timeline();
  const auto time_ns = time_of(*at, timeline.started);
  if (!time_ns) return report("frame", time_ns.error());
  if (*time_ns < 0 || *time_ns > timeline.duration_ns)
    return report("frame", Error{Errc::invalid_argument,
                                 "--at " + arguments.at + " lies outside of the recording, which lasts " +
                                     duration_text(static_cast<double>(timeline.duration_ns) / 1e9)});
  const auto track = picture_track(*reader, arguments.track);
  if (!track) return report("frame", track.error());
  const auto jpeg = reader->picture(*track, *time_ns, picture);
  if (!jpeg) return report("frame", jpeg.error());
  if (auto written = write_output(arguments.output, *jpeg); !written) return report("frame", written.error());
  if (arguments.output == "-") return kDone;
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"picture", arguments.output},
                                       {"bytes", jpeg->size()},
                                       {"track", *track},
                                       {"time_ms", *time_ns / 1'000'000}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
  else
    std::printf("%s\n", arguments.output.c_str());
  return kDone;
}

}  // namespace

void add_frame(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<FrameArguments>();
  CLI::App* command = app.add_subcommand("frame", "Take a picture out of a recording");
  command->footer(kFrameFooter);
  command->add_option("RECORDING", arguments->recording, "Folder, manifest.json, or s3:// URL")->required();
  command->add_option("--at", arguments->at, "The moment")->required()->type_name("TIME");
  command->add_option("-o,--output", arguments->output, "JPEG file; - for standard output")->required();
  command->add_option("--track", arguments->track, "Id of the track; default: the first one with pictures");
  command->add_option("--size", arguments->size, "Of the picture; default: as it was sent")
      ->type_name("WIDTHxHEIGHT");
  add_e2ee_keys(*command, arguments->e2ee_keys);
  arguments->identities.add_to(*command);
  command->add_flag("--json", arguments->json, "Say as JSON what was written");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
