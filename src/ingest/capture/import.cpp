#include "ingest/capture/import.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "ingest/capture/arrival.hpp"
#include "ingest/capture/new_recording.hpp"
#include "ingest/capture/payload_types.hpp"
#include "ingest/capture/plan.hpp"
#include "ingest/capture/source_table.hpp"
#include "rtp/packet.hpp"
#include "rtpx/recorder.hpp"

namespace rtpx::capture {
namespace {

constexpr std::uint64_t kProgressDatagrams = 4096;

/// Calls `visit(datagram)` for all datagrams; a Result<void> that fails ends the walk.
template <typename Visit>
Result<void> for_each_datagram(Reader& reader, const std::stop_token& stop, Visit&& visit) {
  while (true) {
    auto next = reader.next();
    if (!next) return std::unexpected(next.error());
    if (!*next) return {};
    if (stop.stop_requested()) return fail(Errc::cancelled, "the import was interrupted; nothing was kept");
    if (auto visited = visit(**next); !visited) return visited;
  }
}

Result<std::string> read_sdp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail(Errc::not_found, "cannot open " + file.string());
  std::string text(sdp::kMaxBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<Knowledge> gather(const ImportOptions& options, const Reader& reader) {
  Knowledge knowledge;
  knowledge.name = options.capture.stem().string();
  if (reader.hint() != nullptr) knowledge.hint = *reader.hint();
  for (const Codec& codec : options.mappings) knowledge.mappings[codec.payload_type] = codec;
  complete_mappings(knowledge.mappings);
  if (options.sdp) {
    const auto text = read_sdp(*options.sdp);
    if (!text) return std::unexpected(text.error());
    auto session = sdp::parse(*text);
    if (!session) return fail(session.error().code, options.sdp->string() + ": " + session.error().message);
    knowledge.sdp = std::move(*session);
  }
  return knowledge;
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
            std::optional<std::chrono::nanoseconds> first, ImportSummary& summary)
      : recording_(recording), table_(table), plan_(plan), summary_(summary), arrivals_(first) {}

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

  Result<void> add(const Datagram& datagram) {
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
    const auto arrival = arrivals_.of(datagram.time, *source, packet->timestamp, clock_rate);
    last_arrival_ = std::max(last_arrival_, arrival);
    const PacketInfo info{.arrival = ReceiveClock::time_point(arrival),
                          .codec = codec != codecs.end() ? &codec->second : nullptr};
    return count(datagram.payload.size(), summary_.tracks[place->track].packets,
                 [&] { return handles_[place->track].record(place->rid, datagram.payload, info); });
  }

  [[nodiscard]] std::chrono::nanoseconds last_arrival() const { return last_arrival_; }

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
  ImportSummary& summary_;
  std::vector<Recorder::Track> handles_;
  ArrivalTimes arrivals_;
  std::chrono::nanoseconds last_arrival_{0};
};

Result<void> record_all(const ImportOptions& options, const SourceTable& table, const Plan& plan,
                        std::optional<std::chrono::nanoseconds> first, std::uint64_t total,
                        ImportSummary& summary) {
  auto reader = Reader::open(options.capture);
  if (!reader) return std::unexpected(reader.error());
  const UtcTime started = start_of(**reader, first, options.capture);
  Recorder::Options recorder_options;
  recorder_options.folder = options.folder;
  recorder_options.name = options.capture.filename().string();
  recorder_options.clock = ClockAnchor{0, started};
  auto made = NewRecording::start(std::move(recorder_options));
  if (!made) return std::unexpected(made.error());

  Recording recording(**made, table, plan, first, summary);
  if (auto added = recording.start(); !added) return added;
  std::uint64_t done = 0;
  auto walked = for_each_datagram(**reader, options.stop, [&](const Datagram& datagram) {
    if (options.progress && ++done % kProgressDatagrams == 0)
      options.progress(0.3 + 0.7 * static_cast<double>(done) /
                                 static_cast<double>(std::max<std::uint64_t>(total, 1)));
    return recording.add(datagram);
  });
  if (!walked) return walked;
  summary.counts = (*reader)->counts();
  return (*made)->finish(started + std::chrono::floor<std::chrono::microseconds>(recording.last_arrival()));
}

}  // namespace

Result<ImportSummary> import_capture(const ImportOptions& options) {
  if (auto checked = NewRecording::check(options.folder); !checked) return std::unexpected(checked.error());
  auto reader = Reader::open(options.capture);
  if (!reader) return std::unexpected(reader.error());
  const auto knowledge = gather(options, **reader);
  if (!knowledge) return std::unexpected(knowledge.error());

  SourceTable table(scan_hints(*knowledge));
  std::optional<std::chrono::nanoseconds> first;
  bool network = false;
  auto scanned = for_each_datagram(**reader, options.stop, [&](const Datagram& datagram) -> Result<void> {
    network = network || datagram.destination.version != 0;
    if (is_rtcp(datagram.payload)) {
      if (!first) first = datagram.time;
      table.add_rtcp(datagram);
    } else if (const auto packet = parse_rtp(datagram.payload)) {
      if (!first) first = datagram.time;
      table.add_rtp(datagram, *packet);
    }
    return {};
  });
  if (!scanned) return std::unexpected(scanned.error());
  table.finish(network);
  const Plan plan = make_plan(table.sources(), *knowledge);
  const Counts& counts = (*reader)->counts();
  if (plan.tracks.empty())
    return fail(Errc::malformed, options.capture.string() + " holds no RTP: " +
                                     std::to_string(counts.records) + " packets were looked at" +
                                     (counts.damage.empty() ? std::string() : "; " + counts.damage));

  ImportSummary summary;
  summary.format = (*reader)->format();
  summary.encrypted = knowledge->hint && knowledge->hint->encrypted;
  summary.timed = first.has_value();
  for (const MediaStreamTrack& track : plan.tracks) summary.tracks.push_back({.track = track});
  for (std::size_t i = 0; i < plan.places.size(); ++i)
    if (plan.places[i]) summary.tracks[plan.places[i]->track].ssrcs.push_back(table.sources()[i].ssrc);
  if (options.progress) options.progress(0.3);
  if (auto recorded = record_all(options, table, plan, first, counts.datagrams, summary); !recorded)
    return std::unexpected(recorded.error());
  return summary;
}

}  // namespace rtpx::capture
