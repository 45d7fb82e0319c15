#include "mux/segment_writer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "mux/fmp4_fragment.hpp"
#include "mux/matroska_ids.hpp"
#include "mux/matroska_tracks.hpp"
#include "mux/mp4_header.hpp"
#include "mux/mp4_track.hpp"
#include "mux/payload.hpp"
#include "rtpx/version.hpp"

namespace rtpx {
namespace {

using namespace matroska;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kLongestClusterMs = 5'000;  // a block's time is 16 bits of milliseconds from its cluster's
constexpr unsigned kUnknownSize = 0xFF;            // of the whole stream (RFC 8794 section 6.2), in one byte

class Fmp4Segments final : public SegmentWriter {
 public:
  explicit Fmp4Segments(Mp4Track track) : track_(std::move(track)), samples_(track_.video()) {}

  Result<void> init(ByteSink& out) const override {
    Mp4Boxes boxes;
    boxes.box("ftyp", [&] { boxes.text("iso6").put<std::uint32_t>(0).text("iso6cmfcmp41"); });
    const std::int64_t delay = mp4_ticks(track_.delay_ns, track_.timescale);
    const auto no_samples = [](Mp4Boxes& into, std::size_t) {
      for (const char* type : {"stts", "stsc", "stco"}) into.full_box(type, 0, 0, [&] { into.zeros(4); });
      into.full_box("stsz", 0, 0, [&] { into.zeros(8); });
    };
    const auto extends = [](Mp4Boxes& into) {
      into.box("mvex", [&] {
        into.full_box("trex", 0, 0, [&] { into.put<std::uint32_t>(1).put<std::uint32_t>(1).zeros(12); });
      });
    };
    const MuxHints hints;
    Mp4Header{track_.timescale, 0, &hints, no_samples, extends}.write(
        boxes, {&track_}, {{.media_time = delay, .edits = delay > 0}});
    return out.append(boxes.bytes());
  }

  Result<void> add(const Sample& sample) override {
    const auto data = track_.payload(sample, joined_);
    if (!data) return std::unexpected(data.error());
    const bool sync = sample.keyframe || !track_.video();
    samples_.add(mp4_ticks(sample.time_ns, track_.timescale),
                 (sync ? kSyncSample : kDependentSample) |
                     (sample.discardable && !sync ? kDisposableSample : 0),
                 *data);
    return {};
  }

  [[nodiscard]] std::size_t waiting() const noexcept override { return samples_.bytes(); }

  Result<void> write_part(std::uint32_t number, ByteSink& out) override {
    const std::size_t count = samples_.size() == 0 ? 0 : samples_.shown_before_rest(samples_.size() - 1);
    return count == 0 ? Result<void>{} : write(number, count, 0, out);
  }

  Result<void> finish(std::uint32_t number, std::int64_t end_ns, ByteSink& out) override {
    if (samples_.size() == 0) return {};
    auto written = write(number, samples_.size(), mp4_ticks(end_ns, track_.timescale), out);
    samples_ = Fmp4Samples(track_.video());
    return written;
  }

 private:
  Result<void> write(std::uint32_t number, std::size_t count, std::int64_t end, ByteSink& out) {
    const Fmp4Part part{1, &samples_, samples_.run(count, end)};
    if (auto written = write_fragment(out, number, {part}); !written) return written;
    samples_.drop(part.run);
    return {};
  }

  Mp4Track track_;
  Fmp4Samples samples_;
  std::vector<std::byte> joined_;
};

class WebmSegments final : public SegmentWriter {
 public:
  explicit WebmSegments(OutputTrack track) : track_(std::move(track)) {}

  Result<void> init(ByteSink& out) const override {
    ebml::Writer head, children, info, entries;
    children.uint(kEbmlVersion, 1);
    children.uint(kEbmlReadVersion, 1);
    children.uint(kEbmlMaxIdLength, 4);
    children.uint(kEbmlMaxSizeLength, 8);
    children.text(kDocType, "webm");
    children.uint(kDocTypeVersion, 4);
    children.uint(kDocTypeReadVersion, 2);
    head.master(kEbml, children);
    head.id(kSegment);
    constexpr std::array kUnknown{std::byte{kUnknownSize}};
    head.raw(kUnknown);
    const std::string application = std::string("rtpx ") + version();
    info.uint(kTimestampScale, kMs);
    info.text(kMuxingApp, application);
    info.text(kWritingApp, application);
    head.master(kInfo, info);
    if (const auto known = write_track_entry(entries, track_, 1); !known)
      return std::unexpected(known.error());
    head.master(kTracks, entries);
    return out.append(head.bytes());
  }

  Result<void> add(const Sample& sample) override {
    if (sample.time_ns < 0)
      return fail(Errc::invalid_argument, "a sample at " + std::to_string(sample.time_ns) + " ns");
    const Bytes data = codec_of(track_.mime_type) == CodecId::av1 ? without_temporal_delimiter(sample.data)
                                                                  : sample.data;
    blocks_.push_back({(sample.time_ns + kMs / 2) / kMs, data.size(),
                       sample.keyframe || track_.kind == MediaKind::audio});
    data_.insert(data_.end(), data.begin(), data.end());
    return {};
  }

  [[nodiscard]] std::size_t waiting() const noexcept override { return data_.size(); }

  Result<void> write_part(std::uint32_t, ByteSink& out) override {
    if (blocks_.size() < 2) return {};
    const Block last = blocks_.back();
    const std::vector<std::byte> kept(data_.end() - static_cast<std::ptrdiff_t>(last.size), data_.end());
    blocks_.pop_back();
    if (auto written = write(last.time_ms, out); !written) return written;
    blocks_.assign(1, last);
    data_ = kept;
    return {};
  }

  Result<void> finish(std::uint32_t, std::int64_t end_ns, ByteSink& out) override {
    auto written = write((end_ns + kMs / 2) / kMs, out);
    blocks_.clear();
    data_.clear();
    return written;
  }

 private:
  // Whole clusters of all blocks, of which the last is shown until `end_ms`.
  Result<void> write(std::int64_t end_ms, ByteSink& out) {
    std::int64_t cluster_ms = 0;
    ebml::Writer cluster;
    const auto close = [&]() -> Result<void> {
      if (cluster.size() == 0) return {};
      ebml::Writer whole;
      whole.master(kCluster, cluster);
      cluster = {};
      return out.append(whole.bytes());
    };
    Bytes rest(data_);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      const Block& block = blocks_[i];
      const std::int64_t relative = block.time_ms - cluster_ms;
      if (cluster.size() == 0 || relative > kLongestClusterMs || relative < INT16_MIN) {
        if (auto closed = close(); !closed) return closed;
        cluster_ms = block.time_ms;
        cluster.uint(kTimestamp, static_cast<std::uint64_t>(cluster_ms));
      }
      const std::int64_t until = i + 1 == blocks_.size() ? end_ms : blocks_[i + 1].time_ms;
      put_block(cluster, block, static_cast<std::int16_t>(block.time_ms - cluster_ms), rest.first(block.size),
                std::max<std::int64_t>(until - block.time_ms, 1));
      rest = rest.subspan(block.size);
    }
    return close();
  }

  struct Block {
    std::int64_t time_ms = 0;
    std::size_t size = 0;
    bool key = false;
  };

  // Each block says how long it lasts: Firefox guesses it of a cluster's last one, and drops all clusters up to a
  // keyframe where the next begins later than it thinks.
  static void put_block(ebml::Writer& out, const Block& block, std::int16_t relative, Bytes data,
                        std::int64_t duration_ms) {
    ebml::Writer content;
    std::array<std::byte, 4> place;  // track number, time in the cluster, flags
    place[0] = std::byte{0x81};
    store_be(place.data() + 1, relative);
    place[3] = std::byte{0};
    content.raw(place);
    content.raw(data);
    ebml::Writer children;
    children.binary(kBlock, content.bytes());
    children.uint(kBlockDuration, static_cast<std::uint64_t>(duration_ms));
    if (!block.key) children.sint(kReferenceBlock, -1);
    out.master(kBlockGroup, children);
  }

  OutputTrack track_;
  std::vector<Block> blocks_;
  std::vector<std::byte> data_;
};

}  // namespace

bool segments_hold(Format format, std::string_view mime_type) noexcept {
  return format_holds(format, mime_type) || (format == Format::fmp4 && codec_of(mime_type) == CodecId::vp8);
}

std::uint32_t segment_timescale(const OutputTrack& track) {
  return mp4_timescale({track});
}

Result<std::unique_ptr<SegmentWriter>> open_segment_writer(Format format, const OutputTrack& track) {
  if (!segments_hold(format, track.mime_type))
    return fail(Errc::unsupported, std::string(name_of(format)) + " cannot hold " + track.mime_type);
  if (format == Format::webm) {
    ebml::Writer entry;
    if (const auto known = write_track_entry(entry, track, 1); !known) return std::unexpected(known.error());
    return std::make_unique<WebmSegments>(track);
  }
  auto made = Mp4Track::make(track, segment_timescale(track));
  if (!made) return std::unexpected(made.error());
  return std::make_unique<Fmp4Segments>(std::move(*made));
}

}  // namespace rtpx
