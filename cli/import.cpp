// rtpx import: a capture becomes a recording.
#include "ingest/capture/import.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "identity_arguments.hpp"
#include "ingest/capture/payload_types.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace rtpx::cli {
namespace {

using nlohmann::json;

struct ImportArguments {
  std::string capture, folder, sdp, key_log;
  std::vector<std::string> maps, link_types, recipients;
  bool json = false;
};

const char* const kImportFooter =
    R"(CAPTURE is a pcap, pcapng, rtpdump, Janus mjr or RFC 4571 file, or the metadata file that rtpengine writes
beside its pcap. An rtpdump takes the .sdp beside it. Each SSRC becomes a track; those that the SDP
joins (ssrc-group, mid, rid, msid, the port of its m= line), and the RTX or FEC of a track, become one. Packets of
unknown payload types are kept too: the converter recognises most codecs by their payload. SRTP is decrypted with the
a=crypto lines of the SDP or with a key log. Tunnels (GRE, VXLAN, ERSPAN, GTP-U, HEP3 and others) are looked into.
CAPTURE - reads standard input.

Examples:
  rtpx import call.pcapng -o call --sdp offer.sdp
  rtpx import call.pcap -o call --map 96=VP8/90000 --map 97=rtx/96 --map 111=opus/48000/2
  rtpx import srtp.pcapng -o call --sdp offer.sdp --keylog sslkeys.log
  tcpdump -w - udp | rtpx import - -o call
  rtpx import metadata/4ab5-1.txt -o call        rtpengine's: names its pcap, holds the SDPs
  rtpx import phone.pcap -o phone        static payload types (PCMU, PCMA, G722) need nothing)";

std::string codec_text(const MediaStreamTrack& track) {
  return track.codecs.empty() ? "not known yet" : track.codecs[0].mime_type;
}

std::string ssrc_text(const std::vector<std::uint32_t>& ssrcs) {
  std::string out;
  for (std::size_t i = 0; i < ssrcs.size() && i < 6; ++i) {
    char text[16];
    std::snprintf(text, sizeof text, "%s%08x", i == 0 ? "" : " ", ssrcs[i]);
    out += text;
  }
  return ssrcs.size() > 6 ? out + " …" : out;
}

void print_table(const capture::ImportSummary& summary, const std::string& folder) {
  Table table({"track", "codec", "packets", "RTCP", "stream", "SSRC"});
  for (const auto& [track, ssrcs, packets, rtcp] : summary.tracks)
    table.add({printable(track.id), codec_text(track), std::to_string(packets), std::to_string(rtcp),
               printable(track.streams.empty() ? "" : track.streams[0]), ssrc_text(ssrcs)});
  std::printf("%s%s file of %s, recorded into %s\n", table.text().c_str(), to_string(summary.format),
              count_text(summary.counts.records, "packet").c_str(), folder.c_str());
}

/// What a person should know, a sentence each. The losses among them make the exit status 1.
std::vector<std::string> losses_of(const capture::ImportSummary& summary) {
  const capture::Counts& counts = summary.counts;
  std::vector<std::string> out;
  if (counts.cut > 0)
    out.push_back(count_text(counts.cut, "packet") +
                  " left out: the capture kept only their fronts (snap length)");
  if (counts.lost_fragments > 0)
    out.push_back(count_text(counts.lost_fragments, "IP fragment") +
                  " left out: their other parts are missing");
  if (!counts.damage.empty()) out.push_back(counts.damage);
  if (summary.decryption.refused > 0)
    out.push_back(count_text(summary.decryption.refused, "packet") +
                  " left out: no key that was given opens them");
  if (summary.sealed > 0)
    out.push_back(count_text(summary.sealed, "packet") +
                  " encrypted (SRTP), and no key was given: they cannot be played; --sdp with a=crypto lines "
                  "or --keylog "
                  "would open them");
  if (summary.refused > 0) out.push_back(count_text(summary.refused, "packet") + " refused by the recorder");
  return out;
}

std::vector<std::string> remarks_of(const capture::ImportSummary& summary) {
  std::vector<std::string> out;
  if (summary.not_rtp + summary.counts.not_udp > 0)
    out.push_back(count_text(summary.not_rtp + summary.counts.not_udp, "packet") +
                  " of other protocols passed over");
  if (summary.strays > 0)
    out.push_back(count_text(summary.strays, "packet") +
                  " with the SSRC of a track but numbers of their own: kept, and left out by conversions");
  if (summary.foreign_rtcp > 0)
    out.push_back(count_text(summary.foreign_rtcp, "RTCP packet") + " of no recorded track passed over");
  if (!summary.described_by.empty())
    out.push_back("session descriptions of " + printable(summary.described_by.string()));
  if (summary.decryption.opened > 0)
    out.push_back(count_text(summary.decryption.opened, "packet") + " decrypted");
  if (summary.decryption.replayed > 0)
    out.push_back(count_text(summary.decryption.replayed, "repeated packet") + " of SRTP passed over");
  if (!summary.timed)
    out.emplace_back("the capture keeps no arrival times: they were made from the RTP timestamps");
  if (summary.wrong_times > 0)
    out.push_back(count_text(summary.wrong_times, "packet") +
                  " with an arrival time far from those around: it came when they did");
  if (summary.clock_set_back == 0 && summary.wrong_times == 0 && summary.goes_back >= std::chrono::seconds(1))
    out.push_back("the capture goes back in time by " +
                  std::to_string(std::chrono::round<std::chrono::seconds>(summary.goes_back).count()) +
                  " s: its packets are not in the order in which they came; put them in order (reordercap) and import again");
  if (summary.clock_set_back > 0)
    out.push_back("the capture's clock was set " + count_text(summary.clock_set_back, "time") +
                  ": arrival times go on over it");
  if (summary.encrypted) out.emplace_back("the capture says that its payloads are encrypted end to end");
  return out;
}

void print_json(const capture::ImportSummary& summary) {
  json tracks = json::array();
  for (const auto& [track, ssrcs, packets, rtcp] : summary.tracks)
    tracks.push_back({{"id", track.id},
                      {"kind", track.kind == MediaKind::audio ? "audio" : "video"},
                      {"codec", track.codecs.empty() ? json() : json(track.codecs[0].mime_type)},
                      {"streams", track.streams},
                      {"rids", track.rids},
                      {"ssrcs", ssrcs},
                      {"packets", packets},
                      {"rtcp_packets", rtcp}});
  const json out = {
      {"format", to_string(summary.format)},
      {"records", summary.counts.records},
      {"tracks", tracks},
      {"other_packets", summary.not_rtp + summary.counts.not_udp},
      {"stray_packets", summary.strays},
      {"foreign_rtcp_packets", summary.foreign_rtcp},
      {"cut_packets", summary.counts.cut},
      {"lost_fragments", summary.counts.lost_fragments},
      {"refused_packets", summary.refused},
      {"decrypted_packets", summary.decryption.opened},
      {"undecrypted_packets", summary.decryption.refused},
      {"encrypted_packets", summary.sealed},
      {"damage", summary.counts.damage},
      {"arrival_times_kept", summary.timed},
      {"clock_set_back", summary.clock_set_back},
      {"wrong_arrival_times", summary.wrong_times},
      {"goes_back_ms", std::chrono::ceil<std::chrono::milliseconds>(summary.goes_back).count()},
      {"described_by", summary.described_by.empty() ? json() : json(summary.described_by.string())}};
  std::printf("%s\n", out.dump(2, ' ', false, json::error_handler_t::replace).c_str());
}

int run(const ImportArguments& arguments, const Program& program) {
  capture::ImportOptions options{.capture = arguments.capture, .folder = arguments.folder};
  if (!arguments.sdp.empty()) options.sdp = arguments.sdp;
  options.stop = program.stop();
  auto recipients = parse_recipients(arguments.recipients);
  if (!recipients) return report("import", recipients.error());
  options.recipients = std::move(*recipients);
  if (!arguments.key_log.empty()) options.key_log = arguments.key_log;
  for (const std::string& text : arguments.link_types) {
    const auto link_type = capture::parse_link_type(text);
    if (!link_type) return report("import", link_type.error());
    options.link_types.insert(*link_type);
  }
  for (const std::string& map : arguments.maps) {
    auto codec = capture::parse_mapping(map);
    if (!codec) return report("import", codec.error());
    options.mappings.push_back(std::move(*codec));
  }
  Result<capture::ImportSummary> summary = [&] {
    Progress progress;
    options.progress = [&](double fraction) { progress.show(fraction, "importing"); };
    return capture::import_capture(options);
  }();
  if (!summary) return report("import", summary.error());
  if (arguments.json)
    print_json(*summary);
  else
    print_table(*summary, arguments.folder);
  const auto losses = losses_of(*summary);
  for (const auto& remark : remarks_of(*summary))
    if (!arguments.json) std::printf("%s\n", remark.c_str());
  for (const auto& loss : losses) std::fprintf(stderr, "rtpx import: %s\n", loss.c_str());
  if (summary->refused > 0) return kFailed;
  return losses.empty() ? kDone : kLosses;
}

}  // namespace

void add_import(CLI::App& app, Program& program) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App* command = app.add_subcommand("import", "Make a recording of a capture file");
  command->footer(kImportFooter);
  command
      ->add_option("CAPTURE", arguments->capture,
                   "pcap, pcapng, rtpdump, mjr or RFC 4571 file; - for standard input")
      ->required();
  command->add_option("-o,--output", arguments->folder, "Folder that becomes the recording")->required();
  command->add_option("--sdp", arguments->sdp,
                      "Session description of the call: codecs, SSRCs, header extensions");
  command
      ->add_option("--map", arguments->maps, "What a payload type is: PT=CODEC/CLOCK[/CHANNELS] or PT=rtx/PT")
      ->allow_extra_args(false);
  command->add_option("--keylog", arguments->key_log,
                      "Secrets of the call's DTLS, as SSLKEYLOGFILE has them: SRTP is decrypted with them");
  command
      ->add_option("--link-type", arguments->link_types,
                   "What a private link type of the capture is: USER0=ETHERNET, USER3=IP, 147=1")
      ->allow_extra_args(false);
  add_recipients(*command, arguments->recipients);
  command->add_flag("--json", arguments->json, "Print the summary as JSON");
  command->callback([arguments, &program] { program.exit_code = run(*arguments, program); });
}

}  // namespace rtpx::cli
