#include "support/made_recording.hpp"

#include "base/utc_time.hpp"
#include "storage/recording_file.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

namespace {

std::vector<IndexBlock> blocks_of(const RecordFile& file, std::size_t block_bytes) {
  BlockSummer summer;
  std::vector<IndexBlock> blocks;
  for (std::size_t at = 0; at < file.bytes.size(); at += block_bytes) {
    summer.append(Bytes(file.bytes).subspan(at, std::min(block_bytes, file.bytes.size() - at)));
    blocks.push_back(*summer.finish());
  }
  return blocks;
}

RecordFile rtcp_file(std::size_t records, std::uint32_t ssrc) {
  RecordFile file;
  for (std::size_t i = 0; i < records; ++i) {
    std::vector<std::byte> report(28, std::byte{static_cast<unsigned char>(i)});  // a sender report
    report[0] = std::byte{0x80}, report[1] = std::byte{200}, report[2] = std::byte{0},
    report[3] = std::byte{6};
    store_be(report.data() + 4, ssrc);
    file.add({0, 1'000'000 + static_cast<std::int64_t>(i) * 5000, 0}, report);
  }
  return file;
}

}  // namespace

MadeRecording::MadeRecording(const std::filesystem::path& folder, unsigned seed, const Options& options) {
  const UtcTime created = *parse_utc("2026-11-22T12:00:00Z");
  IndexEncoder encoder;
  encoder.begin();
  const auto mark = [&] { index_entry_ends.push_back(encoder.bytes().size()); };
  mark();
  std::uint32_t number = 0;
  const auto add_file = [&](const std::string& name, const std::string& id, IndexContent content,
                            RecordFile file) {
    write_file(folder / name, file.text());
    encoder.file(number, content, name, id);
    mark();
    blocks[name] = blocks_of(file, options.block_bytes);
    for (const IndexBlock& block : blocks[name]) {
      encoder.block(number, block);
      mark();
    }
    if (options.ended) {
      encoder.end(number, file.bytes.size(), file.records());
      mark();
    }
    ++number;
    files[name] = std::move(file);
  };
  for (std::size_t i = 0; i < options.tracks; ++i) {
    const std::string id = "t" + std::to_string(i);
    const auto ssrc = static_cast<std::uint32_t>(0x1000 + i);
    add_file(id + ".rtpx", id, IndexContent::rtp,
             record_file(options.records + i * 7, seed + static_cast<unsigned>(i), 1'000'000, ssrc));
    ManifestTrack track;
    track.start_time = created;
    track.streams = {"s"};
    track.rid_map = {{std::nullopt, 0}};
    track.codec = Codec{96, "video/VP8", 90000, std::nullopt, std::nullopt, {}};
    track.location = id + ".rtpx";
    if (options.index) track.index_location = kIndexFileName;
    track.clock = ClockAnchor{1'000'000, created};
    if (options.ended) track.ended_at = created + std::chrono::minutes(1), track.end_reason = "ended";
    if (options.rtcp) {
      add_file(id + ".rtcpx", id, IndexContent::rtcp, rtcp_file(10, ssrc));
      track.rtcp_location = id + ".rtcpx";
    }
    manifest[id] = track;
  }
  manifest_text = serialize_manifest(manifest);
  index_text = std::string(as_text(encoder.bytes()));
  write_file(folder / "manifest.json", manifest_text);
  if (options.index) write_file(folder / kIndexFileName, index_text);
  RecordingInfo info;
  info.created = created;
  if (options.ended) info.ended_at = created + std::chrono::minutes(1), info.end_reason = "ended";
  write_file(folder / kRecordingFileName, serialize_recording_info(info));
}

}  // namespace rtpx::test
