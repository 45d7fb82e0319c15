#include "ingest/capture/import.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "ingest/capture/arrival.hpp"
#include "ingest/capture/new_recording.hpp"
#include "ingest/capture/payload_types.hpp"
#include "ingest/capture/plan.hpp"
#include "ingest/capture/rtpengine_call.hpp"
#include "ingest/capture/source_table.hpp"
#include "ingest/capture/spooled.hpp"
#include "ingest/capture/wrong_times.hpp"
#include "rtp/packet.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::capture {
namespace {

constexpr std::uint64_t kProgressDatagrams = 4096;

std::string shown_name(const ImportOptions& options) {
  return options.capture.native().starts_with("/proc/self/fd/") ? "standard input" : options.capture.string();
}

/// Calls `visit(datagram)` for all datagrams, with what SRTP hides taken out of them; a Result<void> that
/// fails ends the walk. `look` sees each as it was captured.
template <typename Look, typename Visit>
Result<void> for_each_datagram(Reader& reader, Decryption& decryption, const std::stop_token& stop,
                               Look&& look, Visit&& visit) {
  std::size_t secrets = 0;
  while (true) {
    auto next = reader.next();
    if (!next) return std::unexpected(next.error());
    if (!*next) return {};
    if (stop.stop_requested()) return fail(Errc::cancelled, "the import was interrupted; nothing was kept");
    look(**next);
    if (const auto log = reader.key_log(); log.size() > secrets) {
      decryption.add_secrets(log.substr(secrets));
      secrets = log.size();
    }
    Datagram& datagram = **next;
    const auto clear = decryption.open(datagram);
    if (!clear) continue;
    datagram.payload = *clear;
    if (auto visited = visit(datagram); !visited) return visited;
  }
}

Result<std::string> read_text(const std::filesystem::path& file, std::size_t most) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::not_found, "cannot open " + file.string());
  std::string text(most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<Knowledge> gather(const ImportOptions& options, const Reader& reader) {
  Knowledge knowledge;
  if (!options.capture.native().starts_with("/proc/self/fd/"))
    knowledge.name = options.capture.stem().string();
  if (reader.hint() != nullptr) knowledge.hint = *reader.hint();
  for (const Codec& codec : options.mappings) knowledge.mappings[codec.payload_type] = codec;
  complete_mappings(knowledge.mappings);
  if (options.sdp) {
    const auto text = read_text(*options.sdp, sdp::kMaxBytes);
    if (!text) return std::unexpected(text.error());
    auto session = sdp::parse(*text);
    if (!session) return fail(session.error().code, options.sdp->string() + ": " + session.error().message);
    knowledge.sdp = std::move(*session);
  }
  return knowledge;
}

/// Stream's raw recordings have a .sdp beside each .rtpdump.
std::optional<std::filesystem::path> sdp_beside(const std::filesystem::path& capture, const Reader& reader) {
  if (reader.format() != Format::rtpdump) return std::nullopt;
  auto beside = capture;
  beside.replace_extension(".sdp");
  std::error_code error;
  if (beside == capture || !std::filesystem::is_regular_file(beside, error)) return std::nullopt;
  return beside;
}

/// ": 180 of IP protocol 6 (TCP), 20 of UDP without RTP": of a capture without RTP.
std::string what_there_was(const Counts& counts) {
  std::vector<std::pair<std::uint64_t, std::string>> kinds;
  for (const auto& [what, count] : counts.other) kinds.emplace_back(count, what);
  if (counts.datagrams > 0) kinds.emplace_back(counts.datagrams, "UDP that is no RTP");
  if (counts.cut > 0) kinds.emplace_back(counts.cut, "UDP of which the capture kept only the front");
  std::ranges::sort(kinds, std::greater());
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(kinds.size(), 5); ++i)
    out += (i == 0 ? ": " : ", ") + std::to_string(kinds[i].first) + " of " + kinds[i].second;
  return counts.damage.empty() ? out : out + "; " + counts.damage;
}

bool is_rtcp(Bytes payload) {
  return looks_like_rtcp(payload);
}

/// The instant of the first datagram's arrival, where the file says; else when the file was last changed.
UtcTime start_of(const Reader& reader, std::optional<std::chrono::nanoseconds> first,
                 const std::filesystem::path& file) {
  if (reader.wall_clock() && first) return UtcTime(std::chrono::floor<std::chrono::microseconds>(*first));
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  return UtcTime(std::chrono::seconds(status.st_mtim.tv_sec));
}

/// The second reading: hands every packet to the recorder.
class Recording {
 public:
  Recording(NewRecording& recording, const SourceTable& table, const Plan& plan,
            std::optional<std::chrono::nanoseconds> first, const WrongTimes& wrong_times, ImportSummary& summary)
      : recording_(recording),
        table_(table),
        plan_(plan),
        wrong_times_(wrong_times),
        summary_(summary),
        arrivals_(first) {}

  Result<void> start() {
    if (auto added = recording_.recorder().add_tracks(plan_.tracks); !added)
      return std::unexpected(added.error());
    for (const MediaStreamTrack& track : plan_.tracks) {
      auto handle = recording_.recorder().track(track.id);
      if (!handle) return std::unexpected(handle.error());
      handles_.push_back(std::move(*handle));
    }
    return {};
  }

  Result<void> add(Datagram datagram) {
    if (wrong_times_.contains(added_++)) datagram.time = last_time_;
    last_time_ = datagram.time;
    if (is_rtcp(datagram.payload)) return add_rtcp(datagram);
    const auto packet = parse_rtp(datagram.payload);
    const auto source = packet ? table_.find(datagram, packet->ssrc) : std::nullopt;
    const auto place = source ? plan_.places[*source] : std::nullopt;
    if (!place) {
      ++summary_.not_rtp;
      return {};
    }
    const auto& codecs = plan_.codecs[place->track];
    const auto codec = codecs.find(packet->payload_type);
    const std::uint32_t clock_rate =
        codec != codecs.end() ? codec->second.clock_rate : table_.sources()[*source].guess_clock_rate();
    const auto arrival = arrivals_.of(datagram.time, *source, packet->sequence_number, packet->timestamp, clock_rate);
    last_arrival_ = std::max(last_arrival_, arrival);
    const PacketInfo info{.arrival = ReceiveClock::time_point(arrival),
                          .codec = codec != codecs.end() ? &codec->second : nullptr};
    return count(datagram.payload.size(), summary_.tracks[place->track].packets,
                 [&] { return handles_[place->track].record(place->rid, datagram.payload, info); });
  }

  [[nodiscard]] std::chrono::nanoseconds last_arrival() const { return last_arrival_; }
  [[nodiscard]] std::uint64_t clock_set_back() const { return arrivals_.set_back(); }

 private:
  /// RTCP goes to the tracks of those who sent it; what only receivers sent, to the tracks that it is about;
  /// what names nobody that was seen, to the only track of its flow (a simulcast layer that never started).
  Result<void> add_rtcp(const Datagram& datagram) {
    const RtcpSubjects subjects = rtcp_subjects(datagram.payload);
    std::vector<std::size_t> tracks = tracks_of(datagram, subjects.senders);
    if (tracks.empty()) tracks = tracks_of(datagram, subjects.reported);
    if (tracks.empty()) {
      tracks = tracks_of(table_.find_flow(datagram));
      if (tracks.size() > 1) tracks.clear();
    }
    if (tracks.empty()) ++summary_.foreign_rtcp;
    const ReceiveClock::time_point arrival(arrivals_.of(datagram.time));
    for (const std::size_t track : tracks) {
      auto added = count(datagram.payload.size(), summary_.tracks[track].rtcp_packets,
                         [&] { return handles_[track].record_rtcp(datagram.payload, arrival); });
      if (!added) return added;
    }
    return {};
  }

  [[nodiscard]] std::vector<std::size_t> tracks_of(const std::vector<std::size_t>& sources) const {
    std::vector<std::size_t> tracks;
    for (const std::size_t source : sources)
      if (const auto& place = plan_.places[source];
          place && std::ranges::find(tracks, place->track) == tracks.end())
        tracks.push_back(place->track);
    return tracks;
  }
  [[nodiscard]] std::vector<std::size_t> tracks_of(const Datagram& datagram,
                                                   const std::vector<std::uint32_t>& ssrcs) const {
    std::vector<std::size_t> sources;
    for (const std::uint32_t ssrc : ssrcs)
      for (const std::size_t source : table_.find_all(datagram, ssrc)) sources.push_back(source);
    return tracks_of(sources);
  }

  template <typename Record>
  Result<void> count(std::size_t bytes, std::uint64_t& counter, Record&& record) {
    const auto outcome = recording_.take(bytes, record);
    if (!outcome) return std::unexpected(outcome.error());
    ++(*outcome == Outcome::accepted ? counter : summary_.refused);
    return {};
  }

  NewRecording& recording_;
  const SourceTable& table_;
  const Plan& plan_;
  const WrongTimes& wrong_times_;
  std::uint64_t added_ = 0;
  std::optional<std::chrono::nanoseconds> last_time_;
  ImportSummary& summary_;
  std::vector<Recorder::Track> handles_;
  ArrivalTimes arrivals_;
  std::chrono::nanoseconds last_arrival_{0};
};

/// What decrypts a capture, made anew for each reading: it knows which packets came already.
Result<Decryption> make_decryption(const Knowledge& knowledge, const ImportOptions& options, bool wanted) {
  KeyLog log;
  if (wanted && options.key_log) {
    const auto text = read_text(*options.key_log, KeyLog::kMaxBytes);
    if (!text) return std::unexpected(text.error());
    if (text->size() > KeyLog::kMaxBytes)
      return fail(Errc::malformed, options.key_log->string() + " is larger than any key log");
    log.add(*text);
    if (log.empty())
      return fail(Errc::malformed, options.key_log->string() +
                                       " holds no secrets: lines such as CLIENT_RANDOM or EXPORTER_SECRET");
  }
  return Decryption::create(wanted && knowledge.sdp ? &*knowledge.sdp : nullptr, std::move(log));
}

/// The first reading: the capture's sources.
struct Scan {
  explicit Scan(ScanHints hints) : table(std::move(hints)) {}
  SourceTable table;
  EncryptionSigns signs;
  std::optional<std::chrono::nanoseconds> first;  ///< arrival of the first RTP or RTCP
  WrongTimes wrong_times;
  Format format = Format::pcap;
  Counts counts;
  DecryptionCounts decryption;
  std::uint64_t sealed = 0;
};

Result<void> record_all(const ImportOptions& options, const SourceTable& table, const Plan& plan,
                        Decryption decryption, const Scan& scanned, ImportSummary& summary) {
  auto reader = Reader::open(options.capture, options.link_types);
  if (!reader) return std::unexpected(reader.error());
  const UtcTime started = start_of(**reader, scanned.first, options.capture);
  Recorder::Options recorder_options;
  recorder_options.folder = options.folder;
  recorder_options.name =
      shown_name(options) == "standard input" ? "capture" : options.capture.filename().string();
  recorder_options.clock = ClockAnchor{0, started};
  recorder_options.recipients = options.recipients;
  auto made = NewRecording::start(std::move(recorder_options));
  if (!made) return std::unexpected(made.error());

  Recording recording(**made, table, plan, scanned.first, scanned.wrong_times, summary);
  if (auto added = recording.start(); !added) return added;
  std::uint64_t done = 0;
  const auto look = [](const Datagram&) {};
  auto walked = for_each_datagram(**reader, decryption, options.stop, look, [&](const Datagram& datagram) {
    if (options.progress && ++done % kProgressDatagrams == 0)
      options.progress(0.3 + 0.7 * static_cast<double>(done) /
                                 static_cast<double>(std::max<std::uint64_t>(scanned.counts.datagrams, 1)));
    return recording.add(datagram);
  });
  if (!walked) return walked;
  summary.counts = (*reader)->counts();
  summary.decryption = decryption.counts();
  summary.clock_set_back = recording.clock_set_back();
  return (*made)->finish(started + std::chrono::floor<std::chrono::microseconds>(recording.last_arrival()));
}

Result<Scan> scan(Reader& reader, Decryption& decryption, const Knowledge& knowledge,
                  const std::stop_token& stop) {
  Scan out(scan_hints(knowledge));
  bool network = false;
  const auto look = [&](const Datagram& datagram) {
    network = network || datagram.destination.version != 0;
    out.signs.add(datagram);
  };
  auto walked =
      for_each_datagram(reader, decryption, stop, look, [&](const Datagram& datagram) -> Result<void> {
        out.wrong_times.look(datagram.time);
        if (is_rtcp(datagram.payload)) {
          if (!out.first) out.first = datagram.time;
          out.table.add_rtcp(datagram);
        } else if (const auto packet = parse_rtp(datagram.payload)) {
          if (!out.first) out.first = datagram.time;
          out.table.add_rtp(datagram, *packet);
        }
        return {};
      });
  if (!walked) return std::unexpected(walked.error());
  out.table.finish(network);
  out.format = reader.format();
  out.counts = reader.counts();
  out.decryption = decryption.counts();
  return out;
}

/// G.711 has a byte for each tick of its clock. Packets that are all longer by an authentication tag (RFC
/// 3711 section 4.2, RFC 7714 section 5.1) are SRTP.
bool ends_in_tag(const Source& source) {
  const std::uint8_t type = source.main_payload_type();
  if ((type != 0 && type != 8) || source.packets < 10 || source.destination.version == 0) return false;
  const std::uint64_t ticks = source.usual_step();
  return std::ranges::any_of(std::array<std::uint64_t, 3>{4, 10, 16}, [&](std::uint64_t tag) {
    return source.payload_bytes == source.packets * (ticks + tag);
  });
}

/// What is encrypted and no key was given for: left out where the SDP says so, too, and kept as it is, for
/// nobody to play, where only the capture tells.
void note_encrypted(Scan& scan, const Knowledge& knowledge) {
  const auto protocols = protocols_of(scan.table.sources(), knowledge);
  for (std::size_t i = 0; i < protocols.size(); ++i) {
    const Source& source = scan.table.sources()[i];
    if (!source.rtp) continue;
    if (!scan.signs.encrypted(source.source, source.destination, protocols[i]) && !ends_in_tag(source))
      continue;
    scan.sealed += source.packets;
    if (protocols[i].find("SAVP") != std::string::npos)
      scan.table.leave_out(i);
    else
      scan.table.mark_encrypted(i);
  }
}

Unexpected<Error> no_rtp(const ImportOptions& options, const Scan& scan) {
  const std::string file = shown_name(options);
  if (scan.decryption.refused > 0)
    return fail(Errc::unsupported,
                file + ": none of its " + std::to_string(scan.decryption.refused) +
                    " packets is opened by the keys that were given (a=crypto of --sdp, --keylog); " +
                    "they belong to another call, or the capture begins too late");
  if (scan.sealed > 0)
    return fail(Errc::unsupported,
                file + ": its " + std::to_string(scan.sealed) +
                    " packets are encrypted (SRTP), and no key was given: " +
                    "--sdp with a=crypto lines, or --keylog with the secrets of the DTLS handshakes");
  return fail(Errc::malformed, file + " holds no RTP: " + std::to_string(scan.counts.records) +
                                   " packets were looked at" + what_there_was(scan.counts));
}

}  // namespace

Result<ImportSummary> import_capture(const ImportOptions& given) {
  if (auto checked = NewRecording::check(given.folder); !checked) return std::unexpected(checked.error());
  ImportOptions options = given;
  std::optional<Spooled> spooled;
  if (given.capture == "-") {
    auto kept = Spooled::standard_input(given.folder, given.stop);
    if (!kept) return std::unexpected(kept.error());
    spooled = std::move(*kept);
    options.capture = spooled->path();
  }
  auto call = spooled ? Result<std::optional<RtpengineCall>>() : read_rtpengine(options.capture);
  if (!call) return std::unexpected(call.error());
  std::filesystem::path described_by;
  if (*call) options.capture = (*call)->capture;
  auto reader = Reader::open(options.capture, options.link_types);
  if (!reader) return std::unexpected(reader.error());
  if (!options.sdp && !*call && !spooled)
    if ((options.sdp = sdp_beside(options.capture, **reader))) described_by = *options.sdp;
  auto knowledge = gather(options, **reader);
  if (!knowledge) return std::unexpected(knowledge.error());
  if (*call && !options.sdp) {
    knowledge->sdp = std::move((*call)->session);
    described_by = given.capture;
  }

  bool decrypt = true;
  auto decryption = make_decryption(*knowledge, options, decrypt);
  if (!decryption) return std::unexpected(decryption.error());
  auto scanned = scan(**reader, *decryption, *knowledge, options.stop);
  if (!scanned) return std::unexpected(scanned.error());
  if (scanned->decryption.opened == 0 && scanned->decryption.refused > 0) {
    // Perhaps whoever wrote the file had opened the packets already: RTCP in clear tells, or no addresses.
    Scan as_it_is = std::move(*scanned);
    decrypt = false;
    reader = Reader::open(options.capture, options.link_types);
    decryption = make_decryption(*knowledge, options, decrypt);
    if (!reader || !decryption) return std::unexpected(!reader ? reader.error() : decryption.error());
    scanned = scan(**reader, *decryption, *knowledge, options.stop);
    if (!scanned) return std::unexpected(scanned.error());
    note_encrypted(*scanned, *knowledge);
    scanned->decryption = as_it_is.decryption;
  } else if (!decryption->has_keys() || scanned->decryption.opened == 0) {
    note_encrypted(*scanned, *knowledge);
  }
  const SourceTable& table = scanned->table;
  const Plan plan = make_plan(table.sources(), *knowledge);
  if (plan.tracks.empty()) return no_rtp(options, *scanned);

  ImportSummary summary;
  summary.format = scanned->format;
  summary.encrypted = knowledge->hint && knowledge->hint->encrypted;
  summary.timed = scanned->first.has_value();
  summary.wrong_times = scanned->wrong_times.size();
  summary.goes_back = scanned->wrong_times.went_back();
  summary.sealed = scanned->sealed;
  summary.described_by = described_by;
  for (const MediaStreamTrack& track : plan.tracks) summary.tracks.push_back({.track = track});
  for (std::size_t i = 0; i < plan.places.size(); ++i)
    if (plan.places[i]) {
      summary.tracks[plan.places[i]->track].ssrcs.push_back(table.sources()[i].ssrc);
      summary.strays += table.sources()[i].strays();
    }
  if (options.progress) options.progress(0.3);
  decryption = make_decryption(*knowledge, options, decrypt);
  if (!decryption) return std::unexpected(decryption.error());
  if (auto recorded = record_all(options, table, plan, std::move(*decryption), *scanned, summary); !recorded)
    return std::unexpected(recorded.error());
  return summary;
}

}  // namespace rtpx::capture
