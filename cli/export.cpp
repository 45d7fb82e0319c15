// rtpx export: a recording's packets for other programs.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "commands.hpp"
#include "export.hpp"
#include "identity_arguments.hpp"
#include "ingest/capture/payload_types.hpp"
#include "ingest/capture/recorded.hpp"
#include "ingest/capture/writer.hpp"
#include "progress.hpp"
#include "rtp/packet.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/record_files.hpp"
#include "storage/recording_file.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

struct ExportArguments {
  std::string recording, output, format, track, rid;
  IdentityArguments identities;
  bool json = false, allow_outside = false;
};

const char* const kExportFooter =
    R"(pcap and rtpdump take all tracks with their RTCP, or one with --track; mjr takes one track. Packets are the recorded
ones, at their original times. --format rtpx writes a recording that is repaired and holds media packets only, as
ex_webrtc_recorder's converter wants them.

Examples:
  rtpx export call -o call.pcap
  rtpx export call -o audio.mjr --track audio_0
  rtpx export call -o video.mjr --track video_1 --rid f
  rtpx export call -o healed --format rtpx)";

Result<ExportSource> open(const ExportArguments& arguments) {
  const std::filesystem::path path = arguments.recording;
  auto identities = arguments.identities.load();
  if (!identities) return std::unexpected(identities.error());
  auto manifest = read_manifest(*sealed::reading_files(*identities), path);
  if (!manifest) return std::unexpected(manifest.error());
  const std::filesystem::path folder = std::filesystem::is_directory(path) ? path : path.parent_path();
  if (const auto info = read_recording_info(*sealed::reading_files(*identities), folder); !info && info.error().code == Errc::unsupported)
    return std::unexpected(info.error());  // of a newer rtpx
  ExportSource out{.manifest = std::move(*manifest),
                   .folder = folder,
                   .name = path.filename().string(),
                   .tracks = {},
                   .outside = arguments.allow_outside ? Outside::allowed : Outside::refused,
                   .identities = std::move(*identities)};
  for (const auto& [id, track] : out.manifest)
    if (arguments.track.empty() || id == arguments.track) out.tracks.push_back(id);
  if (!out.tracks.empty()) return out;
  std::string known;
  for (const auto& [id, track] : out.manifest) known += (known.empty() ? "" : ", ") + printable(id);
  if (arguments.track.empty()) return fail(Errc::tracks_not_found, arguments.recording + " has no tracks");
  return fail(Errc::invalid_argument,
              arguments.recording + " has no track " + arguments.track + "; it has " + known);
}

Result<std::string> format_of(const ExportArguments& arguments) {
  std::string format = arguments.format;
  if (format.empty()) {
    format = std::filesystem::path(arguments.output).extension().string();
    if (!format.empty()) format.erase(0, 1);
  }
  if (format == "pcap" || format == "rtpdump" || format == "mjr" || format == "rtpx") return format;
  return fail(
      Errc::invalid_argument,
      "-o " + arguments.output + ": name a .pcap, .rtpdump or .mjr file, or a folder with --format rtpx");
}

/// Which packets of one track's file are wanted: a layer, and for mjr media only.
class Filter {
 public:
  Filter(const ExportSource& recording, const std::string& rid, bool media_only) {
    for (const std::string& id : recording.tracks) {
      const ManifestTrack& track = recording.manifest.at(id);
      auto& repair = repair_types_.emplace_back();
      if (media_only)
        for (const Codec& codec : track.codecs)
          if (capture::repairs(codec)) repair.insert(codec.payload_type);
      auto& index = rid_index_.emplace_back();
      if (const auto at = track.rid_map.find(rid); !rid.empty() && at != track.rid_map.end())
        index = at->second;
    }
  }
  [[nodiscard]] bool wants(const capture::RecordedPacket& packet) const {
    if (packet.rtcp) return true;
    if (rid_index_[packet.track] && *rid_index_[packet.track] != packet.rid_index) return false;
    const auto& repair = repair_types_[packet.track];
    if (repair.empty()) return true;
    const auto parsed = parse_rtp(packet.packet);
    return parsed && !repair.contains(parsed->payload_type);
  }

 private:
  std::vector<std::set<std::uint8_t>> repair_types_;    // by track
  std::vector<std::optional<std::uint8_t>> rid_index_;  // by track
};

/// One track, one layer: what an mjr file holds.
Result<void> check_mjr(const ExportSource& recording, const ExportArguments& arguments) {
  if (recording.tracks.size() > 1) {
    std::string ids;
    for (const auto& id : recording.tracks) ids += (ids.empty() ? "" : ", ") + printable(id);
    return fail(Errc::invalid_argument, "an mjr file holds one track: choose with --track among " + ids);
  }
  const auto& rids = recording.manifest.at(recording.tracks[0]).rid_map;
  if (rids.size() > 1 && arguments.rid.empty()) {
    std::string names;
    for (const auto& [rid, index] : rids)
      names += (names.empty() ? "" : ", ") + printable(rid.value_or("nil"));
    return fail(Errc::invalid_argument,
                "an mjr file holds one simulcast layer: choose with --rid among " + names);
  }
  return {};
}

Result<void> check_rid(const ExportSource& recording, const std::string& rid) {
  if (rid.empty()) return {};
  for (const auto& id : recording.tracks)
    if (recording.manifest.at(id).rid_map.contains(rid)) return {};
  return fail(Errc::invalid_argument, "no track has the rid " + rid);
}

Result<std::unique_ptr<capture::Writer>> make_writer(const std::string& format, const std::string& file,
                                                     UtcTime start, const ExportSource& recording) {
  if (format == "pcap") return capture::make_pcap_writer(file);
  if (format == "rtpdump") return capture::make_rtpdump_writer(file, start);
  return capture::make_mjr_writer(file, start, recording.manifest.at(recording.tracks[0]));
}

Result<Exported> export_packets(const ExportSource& recording, const std::string& format,
                                const ExportArguments& arguments, const std::stop_token& stop) {
  auto recorded =
      capture::Recorded::open(recording.manifest, recording.folder, recording.tracks, format != "mjr",
                              recording.outside, sealed::reading_files(recording.identities));
  if (!recorded) return std::unexpected(recorded.error());
  const Filter filter(recording, arguments.rid, format == "mjr");
  std::unique_ptr<capture::Writer> writer;
  Exported out;
  std::vector<std::uint64_t> came(recording.tracks.size());
  while (true) {
    const auto next = recorded->next();
    if (!next) return std::unexpected(next.error());
    if (!*next) break;
    if (!(*next)->rtcp) ++came[(*next)->track];
    if (stop.stop_requested()) return fail(Errc::cancelled, "interrupted; nothing was written");
    if (!filter.wants(**next)) continue;
    if (!writer) {
      auto made = make_writer(format, arguments.output, (*next)->time, recording);
      if (!made) return std::unexpected(made.error());
      writer = std::move(*made);
    }
    const auto written = writer->write((*next)->track, (*next)->rtcp, (*next)->time, (*next)->packet);
    if (!written && written.error().code != Errc::unsupported) return std::unexpected(written.error());
    ++(written ? out.packets : out.left_out);
  }
  if (!writer) return fail(Errc::nothing_to_convert, arguments.recording + " holds no packets to export");
  out.damaged_bytes = recorded->damaged_bytes();
  for (std::size_t i = 0; i < came.size(); ++i)
    out.missing += missing_packets(recording.manifest.at(recording.tracks[i]), came[i]);
  if (auto finished = writer->finish(); !finished) return std::unexpected(finished.error());
  return out;
}

int run(const ExportArguments& arguments, const Program& program) {
  const auto format = format_of(arguments);
  if (!format) return report("export", format.error());
  if (auto refused = refuse_recording_file(arguments.output); !refused) return report("export", refused.error());
  const auto recording = open(arguments);
  if (!recording) return report("export", recording.error());
  if (auto checked = check_rid(*recording, arguments.rid); !checked) return report("export", checked.error());
  if (*format == "mjr")
    if (auto checked = check_mjr(*recording, arguments); !checked) return report("export", checked.error());
  const auto written = *format == "rtpx" ? export_repaired(*recording, arguments.output, program.stop())
                                         : export_packets(*recording, *format, arguments, program.stop());
  if (!written) return report("export", written.error());
  if (arguments.json)
    std::printf("%s\n", nlohmann::json{{"output", arguments.output},
                                       {"format", *format},
                                       {"packets", written->packets},
                                       {"left_out_packets", written->left_out},
                                       {"unreadable_bytes", written->damaged_bytes},
                                       {"missing_packets", written->missing}}
                            .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
                            .c_str());
  else
    std::printf("%s written to %s\n", count_text(written->packets, "packet").c_str(),
                arguments.output.c_str());
  if (written->left_out > 0)
    std::fprintf(stderr, "rtpx export: %s left out: too large for the format\n",
                 count_text(written->left_out, "packet").c_str());
  if (written->damaged_bytes > 0)
    std::fprintf(stderr, "rtpx export: %s of the recording could not be read\n",
                 count_text(written->damaged_bytes, "byte").c_str());
  if (written->missing > 0)
    std::fprintf(stderr, "rtpx export: %s that were recorded are not in the recording's files\n",
                 count_text(written->missing, "packet").c_str());
  return written->left_out + written->damaged_bytes + written->missing > 0 ? kLosses : kDone;
}

}  // namespace

void add_export(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ExportArguments>();
  CLI::App* command = app.add_subcommand("export", "Write a recording's packets for other programs");
  command->footer(kExportFooter);
  command->add_option("RECORDING", arguments->recording, "Folder or manifest.json")->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "File (.pcap, .rtpdump, .mjr), or folder with --format rtpx")
      ->required();
  command->add_option("--format", arguments->format,
                      "pcap, rtpdump, mjr or rtpx; default: by the file's name");
  command->add_option("--track", arguments->track, "Only this track");
  command->add_option("--rid", arguments->rid, "Only this simulcast layer");
  arguments->identities.add_to(*command);
  command->add_flag("--allow-outside", arguments->allow_outside, kAllowOutsideHelp);
  command->add_flag("--json", arguments->json, "Print what was written as JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
