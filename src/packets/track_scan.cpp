#include "packets/track_scan.hpp"

#include <set>

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
    context_ = {scan.types.get(), &scan.files.track.header_extensions, &rtcp, &spill, scan.files.track.kind};
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
  auto reader = RecordReader::open(scan.files.rtp);
  if (!reader) {
    scan.refused = reader.error().message;
    return {};
  }
  scan.layers.clear();
  scan.not_rtp = scan.unknown_rid_packets = 0;
  scan.damaged_bytes = scan.torn_bytes = scan.damaged_ranges = 0;
  scan.file_bytes = (*reader)->size();
  TrackScanner scanner(scan, rtcp, spill, watch);
  if (auto done = read_records(scan, **reader, scanner, control); !done) return done;
  scanner.finish();
  for (const DamagedRange& range : (*reader)->damage()) {
    (range.tail ? scan.torn_bytes : scan.damaged_bytes) += range.length;
    ++scan.damaged_ranges;
  }
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

std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index) {
  for (const auto& [name, index] : track.files.track.rid_map)
    if (index == rid_index) return name;
  return "#" + std::to_string(rid_index);
}

}  // namespace rtpx
