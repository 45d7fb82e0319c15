#include "packets/track_scan.hpp"

#include "packets/limits.hpp"
#include "rtp/packet.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

/// Feeds one track's records to a scanner for each rid index.
class TrackScanner {
 public:
  TrackScanner(TrackScan& scan, const RtcpLog& rtcp, SpillFile& spill) : scan_(scan) {
    context_ = {scan.types.get(), &scan.files.track.header_extensions, &rtcp, &spill, scan.files.track.kind};
  }

  Result<void> push(const Record& record) {
    const auto packet = parse_rtp(record.packet);
    if (!packet) {
      ++scan_.not_rtp;
      return {};
    }
    const std::uint8_t rid = record.header.rid_index;
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

  auto reader = RecordReader::open(scan.files.rtp);
  if (!reader) {
    scan.refused = reader.error().message;
    return scan;
  }
  scan.file_bytes = (*reader)->size();
  TrackScanner scanner(scan, rtcp, spill);
  if (auto done = read_records(scan, **reader, scanner, control); !done) return std::unexpected(done.error());
  scanner.finish();
  for (const DamagedRange& range : (*reader)->damage()) {
    (range.tail ? scan.torn_bytes : scan.damaged_bytes) += range.length;
    ++scan.damaged_ranges;
  }
  return scan;
}

std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index) {
  for (const auto& [name, index] : track.files.track.rid_map)
    if (index == rid_index) return name;
  return "#" + std::to_string(rid_index);
}

}  // namespace rtpx
