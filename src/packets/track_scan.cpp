#include "packets/track_scan.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "packets/limits.hpp"
#include "rtp/packet.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFewestOfAType = 3;  // packets

/// Feeds one track's records to a scanner for each rid index.
class TrackScanner {
 public:
  /// `watch` may be null.
  TrackScanner(TrackScan& scan, const RtcpLog& rtcp, SpillFile& spill, RidWatch* watch)
      : scan_(scan), watch_(watch) {
    context_ = {scan.types.get(), &scan.files.track.header_extensions, &rtcp, &spill, scan.files.track.kind,
                scan.files.track.pauses};
  }

  Result<void> push(const Record& record) {
    const auto packet = parse_rtp(record.packet);
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
    return scanners_[rid]->push(*packet, record.offset, record.header.receive_time_ms);
  }

  void finish() {
    for (auto& scanner : scanners_)
      if (scanner) scanner->finish();
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
    scanners_[rid] = std::make_unique<LayerScanner>(context_, *layer);
    for (const auto& [name, index] : scan_.files.track.rid_map) known_[rid] |= index == rid;
  }

  TrackScan& scan_;
  RidWatch* watch_;
  LayerContext context_;
  std::unique_ptr<LayerScanner> scanners_[256];
  bool known_[256] = {};
};

Result<void> read_records(TrackScan& scan, RecordReader& reader, TrackScanner& scanner,
                          const ScanControl& control) {
  for (std::uint64_t count = 1;; ++count) {
    auto record = reader.next();
    if (!record) {
      scan.read_error = record.error().message;
      return {};
    }
    if (!*record) return {};
    if (auto pushed = scanner.push(**record); !pushed) return pushed;
    if (count % kPacketsPerLook == 0) {
      if (control.stop.stop_requested()) return fail(Errc::cancelled, "the conversion was cancelled");
      if (control.progress) control.progress((*record)->offset);
    }
  }
}

/// One pass over the track's records; what an earlier pass found is forgotten.
Result<void> pass_over(TrackScan& scan, const RtcpLog& rtcp, SpillFile& spill, const ScanControl& control,
                       RidWatch* watch) {
  auto reader = RecordReader::open(scan.files.rtp, RecordReader::Content::rtp, {}, scan.files.source);
  if (!reader) {
    scan.refused = reader.error().message;
    return {};
  }
  scan.layers.clear();
  scan.not_rtp = scan.unknown_rid_packets = 0;
  scan.damaged_bytes = scan.torn_bytes = 0;
  scan.file_bytes = (*reader)->size();
  TrackScanner scanner(scan, rtcp, spill, watch);
  if (auto done = read_records(scan, **reader, scanner, control); !done) return done;
  scanner.finish();
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

}  // namespace

Result<TrackScan> scan_track(TrackFiles files, const RtcpLog& rtcp, SpillFile& spill,
                             const ScanControl& control) {
  TrackScan scan;
  scan.files = std::move(files);
  scan.rtcp_error = rtcp.read_error(scan.files.track_id);
  for (const auto& [name, index] : scan.files.track.rid_map)
    if (name) scan.rid_names[index] = *name;
  if (scan.files.rtp.empty()) {
    scan.refused = scan.files.missing.empty() ? "the manifest names no file" : scan.files.missing;
    return scan;
  }
  auto codecs = choose_codecs(scan.files);
  if (!codecs) {
    scan.refused = codecs.error().message;
    return scan;
  }
  scan.codecs = std::move(*codecs);
  scan.types = std::make_unique<PayloadTypes>(scan.codecs.codecs);

  RidWatch watch(scan.files.track);
  if (auto done = pass_over(scan, rtcp, spill, control, &watch); !done) return std::unexpected(done.error());
  if (!scan.refused.empty()) return scan;
  // What the first pass shows may make another one necessary.
  const ScanControl again{control.stop, {}};
  bool changed = false;
  if (const auto types = unknown_types(scan); !types.empty()) {
    auto found = recognise_types(scan.files, types, scan.codecs.codecs, control.stop);
    if (!found) return std::unexpected(found.error());
    changed = !found->empty();
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
    if (auto done = pass_over(scan, rtcp, spill, again, nullptr); !done) return std::unexpected(done.error());
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

  [[nodiscard]] TrackScan so_far(TrackFiles files, const RtcpLog& rtcp) const {
    TrackScan now = begun(std::move(files), scan.codecs);
    now.rtcp_error = rtcp.read_error(now.files.track_id);
    now.layers = scanner.so_far();
    now.damage = scan.damage;
    now.damaged_bytes = scan.damaged_bytes;
    now.torn_bytes = scan.torn_bytes;
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
  if (!unknown_types(state_->scan).empty() || state_->watch.contradicts()) return std::nullopt;
  return state_->so_far(std::move(files), rtcp);
}

std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index) {
  for (const auto& [name, index] : track.files.track.rid_map)
    if (index == rid_index) return name;
  return "#" + std::to_string(rid_index);
}

}  // namespace rtpx
