#include "packets/track_scan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "base/remote_file.hpp"
#include "packets/limits.hpp"
#include "rtp/packet.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFewestOfAType = 3;   // packets
constexpr std::uint64_t kFewestRestored = 20;  // retransmissions that are a layer beside others

/// Feeds one track's records to a scanner for each rid index.
class TrackScanner {
 public:
  /// `watch` may be null.
  TrackScanner(TrackScan& scan, const RtcpLog& rtcp, SpillFile& spill, RidWatch* watch)
      : scan_(scan), watch_(watch != nullptr && watch->watches() ? watch : nullptr) {
    context_ = {scan.types.get(), &scan.files.track.header_extensions, &rtcp, &spill, scan.files.track.kind,
                scan.files.track.pauses};
  }

  Result<void> push(const Record& record) {
    auto packet = parse_rtp(record.packet);
    if (!packet) {
      ++scan_.not_rtp;
      return {};
    }
    const std::uint8_t recorded = record.header.rid_index;
    if (watch_ != nullptr)
      watch_->push(recorded, *packet, scan_.types->role(packet->payload_type), record.header.receive_time_ms);
    const std::uint8_t rid = scan_.routes.rid_of(recorded, packet->ssrc);
    if (!scanners_[rid]) open(rid);
    if (!known_[rid]) ++scan_.unknown_rid_packets;
    if (scan_.types->role(packet->payload_type) == PayloadRole::rtx) {
      if (scan_.rtx_media.restore(*packet, *scan_.types, buffer_))
        restored_.insert(rid);
      else if (scan_.layers.at(rid)->segments.empty())
        rtx_[rid].push(*packet, *scan_.types, record.header.receive_time_ms);
    }
    return scanners_[rid]->push(*packet, record.offset, record.header.receive_time_ms);
  }

  void finish() {
    for (auto& scanner : scanners_)
      if (scanner) scanner->finish();
    for (const std::uint8_t rid : restored_) {
      LayerScan& layer = *scan_.layers.at(rid);
      layer.by_source[static_cast<std::size_t>(RepairSource::rtx)] += layer.packets;
    }
  }

  /// Retransmissions with content of a layer of which nothing else came.
  [[nodiscard]] std::uint64_t rtx_alone(std::uint8_t rid) const {
    const auto found = rtx_.find(rid);
    return found != rtx_.end() && scan_.layers.at(rid)->segments.empty() ? found->second.packets() : 0;
  }
  /// Those of them that stand for the media.
  [[nodiscard]] RtxMedia rtx_media(const RtcpLog& rtcp) const {
    RtxMedia out;
    const bool others = std::ranges::any_of(scan_.layers, [](const auto& l) { return !l.second->segments.empty(); });
    for (const auto& [rid, watch] : rtx_)
      if (rtx_alone(rid) >= (others ? kFewestRestored : 1)) watch.settle(rtcp, out);
    return out;
  }

  /// By rid index, what is known of each by now.
  [[nodiscard]] std::map<std::uint8_t, std::unique_ptr<LayerScan>> so_far() const {
    std::map<std::uint8_t, std::unique_ptr<LayerScan>> layers;
    for (const auto& [rid, layer] : scan_.layers)
      layers[rid] = std::make_unique<LayerScan>(scanners_[rid]->so_far());
    return layers;
  }

 private:
  void open(std::uint8_t rid) {
    auto& layer = scan_.layers[rid];
    layer = std::make_unique<LayerScan>();
    layer->rid_index = rid;
    const auto times = scan_.made_times.find(rid);
    scanners_[rid] = std::make_unique<LayerScanner>(context_, *layer, times != scan_.made_times.end() ? &times->second : nullptr);
    for (const auto& [name, index] : scan_.files.track.rid_map) known_[rid] |= index == rid;
  }

  TrackScan& scan_;
  RidWatch* watch_;
  std::map<std::uint8_t, RtxWatch> rtx_;  // by rid index
  std::set<std::uint8_t> restored_;       // rid indexes whose media are retransmissions
  std::vector<std::byte> buffer_;         // of a packet that is restored
  LayerContext context_;
  std::unique_ptr<LayerScanner> scanners_[256];
  bool known_[256] = {};
};

Result<void> read_records(TrackScan& scan, RecordReader& reader, TrackScanner& scanner,
                          const ScanControl& control) {
  for (std::uint64_t count = 1;; ++count) {
    auto record = reader.next();
    if (!record && is_passing(record.error())) return std::unexpected(record.error());
    if (!record) {
      scan.read_error = record.error().message;
      return {};
    }
    if (!*record) return {};
    scan.records = count;
    if (auto pushed = scanner.push(**record); !pushed) return pushed;
    if (count % kPacketsPerLook == 0) {
      if (control.stop.stop_requested()) return fail(Errc::cancelled, "the conversion was cancelled");
      if (control.progress) control.progress((*record)->offset);
    }
  }
}

/// One pass over the track's records; what an earlier pass found is forgotten. `watch` and `rtx_media`: what it is to
/// find, or null.
Result<void> pass_over(TrackScan& scan, const RtcpLog& rtcp, SpillFile& spill, const ScanControl& control,
                       RidWatch* watch, RtxMedia* rtx_media) {
  auto reader = RecordReader::open(scan.files.rtp, RecordReader::Content::rtp, {}, scan.files.source);
  if (!reader && is_passing(reader.error())) return std::unexpected(reader.error());
  if (!reader) {
    scan.refused = reader.error().message;
    return {};
  }
  scan.layers.clear();
  scan.records = scan.not_rtp = scan.unknown_rid_packets = 0;
  scan.damaged_bytes = scan.torn_bytes = 0;
  scan.file_bytes = (*reader)->size();
  TrackScanner scanner(scan, rtcp, spill, watch);
  if (auto done = read_records(scan, **reader, scanner, control); !done) return done;
  scanner.finish();
  if (rtx_media != nullptr) *rtx_media = scanner.rtx_media(rtcp);
  scan.damage = (*reader)->damage();
  for (const DamagedRange& range : scan.damage)
    (range.tail ? scan.torn_bytes : scan.damaged_bytes) += range.length;
  return {};
}

/// Payload types that nobody has told of, with more packets than strays are.
std::set<std::uint8_t> unknown_types(const TrackScan& scan) {
  std::map<std::uint8_t, std::uint64_t> packets;
  for (const auto& [rid, layer] : scan.layers)
    for (const auto& [type, found] : layer->unknown_types) packets[type] += found.packets;
  std::set<std::uint8_t> types;
  for (const auto& [type, count] : packets)
    if (count >= kFewestOfAType) types.insert(type);
  return types;
}

bool any_times_stand(const TrackScan& scan) {
  return std::ranges::any_of(scan.layers, [&](const auto& l) { return times_stand(*l.second, scan.files.track.kind); });
}

/// One pass over the track's records for layers whose RTP times are none.
Result<void> make_times(TrackScan& scan, std::stop_token stop) {
  std::map<std::uint8_t, TimeMaker> makers;
  for (const auto& [rid, layer] : scan.layers)
    if (times_stand(*layer, scan.files.track.kind)) makers.try_emplace(rid, *scan.types, scan.files.track.kind);
  auto reader = RecordReader::open(scan.files.rtp, RecordReader::Content::rtp, {}, scan.files.source);
  if (!reader) return std::unexpected(reader.error());
  std::vector<std::byte> buffer;
  for (std::uint64_t count = 1;; ++count) {
    const auto record = (*reader)->next();
    if (!record && is_passing(record.error())) return std::unexpected(record.error());
    if (!record || !*record) break;
    if (count % kPacketsPerLook == 0 && stop.stop_requested())
      return fail(Errc::cancelled, "the conversion was cancelled");
    auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    const auto maker = makers.find(scan.routes.rid_of((*record)->header.rid_index, packet->ssrc));
    if (maker == makers.end()) continue;
    (void)scan.rtx_media.restore(*packet, *scan.types, buffer);
    maker->second.push(*packet, (*record)->header.receive_time_ms);
  }
  for (auto& [rid, maker] : makers) scan.made_times[rid] = maker.take();
  return {};
}

}  // namespace

Result<TrackScan> scan_track(TrackFiles files, const RtcpLog& rtcp, SpillFile& spill,
                             const ScanControl& control) {
  TrackScan scan;
  scan.files = std::move(files);
  if (rtcp.failure()) return std::unexpected(*rtcp.failure());
  scan.rtcp_error = rtcp.read_error(scan.files.track_id);
  for (const auto& [name, index] : scan.files.track.rid_map)
    if (name) scan.rid_names[index] = *name;
  if (scan.files.rtp.empty()) {
    scan.refused = scan.files.missing.empty() ? "the manifest names no file" : scan.files.missing;
    return scan;
  }
  auto codecs = choose_codecs(scan.files);
  if (!codecs && is_passing(codecs.error())) return std::unexpected(codecs.error());
  if (!codecs) {
    scan.refused = codecs.error().message;
    return scan;
  }
  scan.codecs = std::move(*codecs);
  scan.types = std::make_unique<PayloadTypes>(scan.codecs.codecs);

  RidWatch watch(scan.files.track);
  RtxMedia rtx_media;
  if (auto done = pass_over(scan, rtcp, spill, control, &watch, &rtx_media); !done)
    return std::unexpected(done.error());
  if (!scan.refused.empty()) return scan;
  // What the first pass shows may make another one necessary.
  const ScanControl again{control.stop, {}};
  bool changed = !rtx_media.empty();
  scan.rtx_media = std::move(rtx_media);
  if (const auto types = unknown_types(scan); !types.empty()) {
    auto found = recognise_types(scan.files, types, scan.codecs.codecs, control.stop);
    if (!found) return std::unexpected(found.error());
    changed = changed || !found->empty();
    scan.codecs.codecs.insert(scan.codecs.codecs.end(), found->begin(), found->end());
    scan.found_codecs = std::move(*found);
    scan.types = std::make_unique<PayloadTypes>(scan.codecs.codecs);
  }
  if (watch.contradicts()) {
    auto routes = watch.routes(scan.files, *scan.types, control.stop);
    if (!routes) return std::unexpected(routes.error());
    changed = changed || routes->size() > 0;
    scan.routes = std::move(*routes);
  }
  if (changed)
    if (auto done = pass_over(scan, rtcp, spill, again, nullptr, nullptr); !done) return std::unexpected(done.error());
  if (any_times_stand(scan)) {
    if (auto made = make_times(scan, control.stop); !made) return std::unexpected(made.error());
    if (auto done = pass_over(scan, rtcp, spill, again, nullptr, nullptr); !done) return std::unexpected(done.error());
  }
  return scan;
}

struct GrowingTrack::State {
  TrackScan scan;
  std::string description;
  std::vector<std::uint64_t> sizes;  // of its files
  RidWatch watch;
  TrackScanner scanner;
  RecordReader::Place place;  // behind the last whole record
  const std::shared_ptr<const void> lineage = std::make_shared<const int>();

  State(TrackFiles files, CodecChoice choice, std::string about, const RtcpLog& rtcp, SpillFile& spill)
      : scan(begun(std::move(files), std::move(choice))),
        description(std::move(about)),
        watch(scan.files.track),
        scanner(scan, rtcp, spill, &watch) {}

  static TrackScan begun(TrackFiles files, CodecChoice choice) {
    TrackScan scan;
    scan.files = std::move(files);
    scan.codecs = std::move(choice);
    scan.types = std::make_unique<PayloadTypes>(scan.codecs.codecs);
    for (const auto& [name, index] : scan.files.track.rid_map)
      if (name) scan.rid_names[index] = *name;
    return scan;
  }

  /// Whether `files` are those that were looked at, as far as that went.
  [[nodiscard]] bool goes_on_in(const TrackFiles& files, const std::vector<std::uint64_t>& now) const {
    const std::size_t known = scan.files.rtp.size();
    if (files.rtp.size() < known || !std::equal(scan.files.rtp.begin(), scan.files.rtp.end(), files.rtp.begin()))
      return false;
    return std::equal(sizes.begin(), sizes.end() - 1, now.begin()) && now[known - 1] >= sizes[known - 1];
  }

  Result<void> read_on(RecordReader& reader, const ScanControl& control) {
    if (place.offset > 0) reader.go_to(place);
    std::vector<DamagedRange> damage = std::exchange(scan.damage, {});
    const std::size_t before = damage.size();
    for (std::uint64_t count = 1;; ++count) {
      place = reader.place();
      const std::size_t met = reader.damage().size();
      const auto record = reader.next();
      if (!record) return std::unexpected(record.error());
      if (!*record) {  // what is torn there may only not be whole yet
        damage.insert(damage.end(), reader.damage().begin(), reader.damage().begin() + static_cast<std::ptrdiff_t>(met));
        break;
      }
      ++scan.records;
      if (auto pushed = scanner.push(**record); !pushed) return pushed;
      if (count % kPacketsPerLook == 0 && control.stop.stop_requested())
        return fail(Errc::cancelled, "the conversion was cancelled");
    }
    for (std::size_t i = before; i < damage.size(); ++i)
      (damage[i].tail ? scan.torn_bytes : scan.damaged_bytes) += damage[i].length;
    scan.damage = std::move(damage);
    scan.file_bytes = reader.size();
    return {};
  }

  /// What the whole track has to be looked at for.
  [[nodiscard]] bool takes_another_pass(const RtcpLog& rtcp) const {
    return !unknown_types(scan).empty() || watch.contradicts() || !scanner.rtx_media(rtcp).empty() || any_times_stand(scan);
  }

  [[nodiscard]] TrackScan so_far(TrackFiles files, const RtcpLog& rtcp) const {
    TrackScan now = begun(std::move(files), scan.codecs);
    now.rtcp_error = rtcp.read_error(now.files.track_id);
    now.layers = scanner.so_far();
    now.damage = scan.damage;
    now.damaged_bytes = scan.damaged_bytes;
    now.torn_bytes = scan.torn_bytes;
    now.records = scan.records;
    now.not_rtp = scan.not_rtp;
    now.unknown_rid_packets = scan.unknown_rid_packets;
    now.file_bytes = scan.file_bytes;
    now.lineage = lineage;
    return now;
  }
};

namespace {

/// What a scan goes by and a recorder does not change from packet to packet.
std::string description_of(const TrackFiles& files) {
  ManifestTrack track = files.track;
  track.more_locations.clear();
  track.more_rtcp_locations.clear();
  track.rtcp_location.reset();
  track.packets = track.bytes = track.refused_packets = std::nullopt;
  track.ended_at.reset();
  track.end_reason.reset();
  return serialize_manifest({{files.track_id, std::move(track)}});
}

}  // namespace

GrowingTrack::GrowingTrack() = default;
GrowingTrack::GrowingTrack(GrowingTrack&&) noexcept = default;
GrowingTrack::~GrowingTrack() = default;

Result<std::optional<TrackScan>> GrowingTrack::look(TrackFiles files, const RtcpLog& rtcp, SpillFile& spill,
                                                    const ScanControl& control) {
  if (files.rtp.empty()) return scan_track(std::move(files), rtcp, spill, control);
  std::vector<std::uint64_t> sizes;
  for (const auto& file : files.rtp) {
    std::error_code failed;
    sizes.push_back(std::filesystem::file_size(file, failed));
    if (failed) return std::nullopt;
  }
  std::string description = description_of(files);
  if (state_ && (state_->description != description || !state_->goes_on_in(files, sizes))) state_.reset();
  if (!state_) {
    auto codecs = choose_codecs(files);
    if (!codecs || codecs->recognised || !codecs->doubt.empty()) return std::nullopt;  // more packets may tell more
    state_ = std::make_unique<State>(files, std::move(*codecs), std::move(description), rtcp, spill);
  }
  auto reader = RecordReader::open(files.rtp, RecordReader::Content::rtp, {}, files.source);
  if (!reader) return std::nullopt;
  state_->sizes = std::move(sizes);
  state_->scan.files.rtp = files.rtp;
  if (auto read = state_->read_on(**reader, control); !read) {
    if (read.error().code == Errc::cancelled) return std::unexpected(read.error());
    return std::nullopt;
  }
  if (state_->takes_another_pass(rtcp)) return std::nullopt;
  return state_->so_far(std::move(files), rtcp);
}

std::uint64_t missing_packets(const TrackScan& track) {
  return track.read_error.empty() && !track.files.rtp.empty() ? missing_packets(track.files.track, track.records) : 0;
}

std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index) {
  for (const auto& [name, index] : track.files.track.rid_map)
    if (index == rid_index) return name;
  return "#" + std::to_string(rid_index);
}

}  // namespace rtpx
