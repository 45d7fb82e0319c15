#include "ingest/capture/writer.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/ascii.hpp"
#include "ingest/capture/payload_types.hpp"
#include "ingest/sdp/text.hpp"
#include "rtp/codec_roles.hpp"

namespace rtpx::capture {
namespace {

constexpr std::size_t kBufferBytes = 256U << 10;

/// Collects integers in either byte order.
class Header {
 public:
  Header& be16(std::size_t v) { return put(v >> 8).put(v); }
  Header& be32(std::uint64_t v) { return be16((v >> 16) & 0xFFFF).be16(v & 0xFFFF); }
  Header& le16(std::size_t v) { return put(v).put(v >> 8); }
  Header& le32(std::uint64_t v) { return le16(v & 0xFFFF).le16((v >> 16) & 0xFFFF); }
  Header& text(std::string_view v) {
    bytes_.insert(bytes_.end(), as_bytes(v).begin(), as_bytes(v).end());
    return *this;
  }
  Header& put(std::size_t v) {
    bytes_.push_back(static_cast<std::byte>(v & 0xFF));
    return *this;
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class PcapWriter final : public Writer {
 public:
  static constexpr std::size_t kMaxPayload = 65535 - 20 - 8;

  explicit PcapWriter(CaptureFile output) : Writer(std::move(output)) {}

  Result<void> start() {
    Header head;
    head.le32(0xA1B2C3D4).le16(2).le16(4).le32(0).le32(0).le32(262144).le32(1);
    return output_.write(head.bytes());
  }

  Result<void> write(std::size_t track, bool /*rtcp*/, UtcTime time, Bytes packet) override {
    if (packet.size() > kMaxPayload)
      return fail(Errc::unsupported,
                  "a packet of " + std::to_string(packet.size()) + " bytes fits no UDP datagram");
    const std::size_t frame = 14 + 20 + 8 + packet.size();
    const std::int64_t us = std::max<std::int64_t>(time.time_since_epoch().count(), 0);
    Header head;
    head.le32(static_cast<std::uint64_t>(us / 1'000'000)).le32(static_cast<std::uint64_t>(us % 1'000'000));
    head.le32(frame).le32(frame);
    head.text("\x02rtpx2\x02rtpx1").be16(0x0800);  // locally administered addresses
    const std::size_t ip_start = head.size();
    head.be16(0x4500).be16(frame - 14).be16(count_++ & 0xFFFF).be16(0x4000).be16(0x4011).be16(0);
    head.be32(0xC0000201).be32(0xC0000202);  // 192.0.2.1, 192.0.2.2
    const std::uint16_t sum = checksum(head.bytes().subspan(ip_start));
    const std::size_t port = 5004 + 2 * track % 60000;
    head.be16(port).be16(port).be16(8 + packet.size()).be16(0);  // no UDP checksum
    std::vector<std::byte> bytes(head.bytes().begin(), head.bytes().end());
    store_be(&bytes[ip_start + 10], sum);
    if (auto written = output_.write(bytes); !written) return written;
    return output_.write(packet);
  }

 private:
  /// RFC 1071.
  static std::uint16_t checksum(Bytes header) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < header.size(); i += 2) sum += load_be<std::uint16_t>(&header[i]);
    while (sum > 0xFFFF) sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
  }

  std::size_t count_ = 0;
};

class RtpdumpWriter final : public Writer {
 public:
  RtpdumpWriter(CaptureFile output, UtcTime start) : Writer(std::move(output)), start_(start) {}

  Result<void> start() {
    const std::int64_t us = std::max<std::int64_t>(start_.time_since_epoch().count(), 0);
    Header head;
    head.text("#!rtpplay1.0 192.0.2.1/5004\n");
    head.be32(static_cast<std::uint64_t>(us / 1'000'000)).be32(static_cast<std::uint64_t>(us % 1'000'000));
    head.be32(0xC0000201).be16(5004).be16(0);
    return output_.write(head.bytes());
  }

  Result<void> write(std::size_t /*track*/, bool rtcp, UtcTime time, Bytes packet) override {
    constexpr std::size_t kHead = 8;
    if (packet.size() + kHead > 65535)
      return fail(Errc::unsupported,
                  "a packet of " + std::to_string(packet.size()) + " bytes fits no rtpdump record");
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time - start_).count();
    Header head;
    head.be16(packet.size() + kHead).be16(rtcp ? 0 : packet.size());
    head.be32(static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 0)));
    if (auto written = output_.write(head.bytes()); !written) return written;
    return output_.write(packet);
  }

 private:
  UtcTime start_;
};

class MjrWriter final : public Writer {
 public:
  MjrWriter(CaptureFile output, UtcTime start) : Writer(std::move(output)), start_(start) {}

  Result<void> start(const std::string& info) {
    Header head;
    head.text("MJR00002").be16(info.size()).text(info);
    return output_.write(head.bytes());
  }

  Result<void> write(std::size_t /*track*/, bool rtcp, UtcTime time, Bytes packet) override {
    if (rtcp) return {};
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time - start_).count();
    Header head;
    head.text("MEET").be32(static_cast<std::uint32_t>(std::max<std::int64_t>(ms, 0))).be16(packet.size());
    if (auto written = output_.write(head.bytes()); !written) return written;
    return output_.write(packet);
  }

 private:
  UtcTime start_;
};

/// Janus's names are the encodings in lower case.
std::string mjr_codec(const Codec& codec) {
  const std::string name = lower(codec.mime_type.substr(codec.mime_type.find('/') + 1));
  if (name == "l16") return codec.clock_rate == 48000 ? "l16-48" : "l16";
  return name;
}

template <typename W, typename... Start>
Result<std::unique_ptr<Writer>> started(std::unique_ptr<W> writer, const Start&... arguments) {
  if (auto written = writer->start(arguments...); !written) return std::unexpected(written.error());
  return writer;
}

}  // namespace

Result<CaptureFile> CaptureFile::create(const std::filesystem::path& file) {
  CaptureFile out;
  out.file_ = file;
  out.temporary_ = file.parent_path() / ("." + file.filename().string() + ".partial");
  std::error_code ignored;
  std::filesystem::remove(out.temporary_, ignored);  // of an export that was killed
  auto opened = real_file_system().open(out.temporary_, OpenMode::create_new);
  if (!opened) return std::unexpected(opened.error());
  out.output_ = std::move(*opened);
  return out;
}

CaptureFile::~CaptureFile() {
  if (!output_) return;
  output_.reset();
  std::error_code ignored;
  std::filesystem::remove(temporary_, ignored);
}

Result<void> CaptureFile::write(Bytes bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() < kBufferBytes) return {};
  auto written = write_all(*output_, buffer_);
  buffer_.clear();
  return written;
}

Result<void> CaptureFile::finish() {
  if (auto written = write_all(*output_, buffer_); !written) return written;
  if (auto synced = output_->sync(); !synced) return synced;
  if (auto closed = output_->close(); !closed) return closed;
  if (auto renamed = real_file_system().rename(temporary_, file_); !renamed) return renamed;
  output_.reset();
  const auto folder = file_.parent_path();
  return real_file_system().sync_directory(folder.empty() ? "." : folder);
}

Result<std::unique_ptr<Writer>> make_pcap_writer(const std::filesystem::path& file) {
  auto output = CaptureFile::create(file);
  if (!output) return std::unexpected(output.error());
  return started(std::make_unique<PcapWriter>(std::move(*output)));
}

Result<std::unique_ptr<Writer>> make_rtpdump_writer(const std::filesystem::path& file, UtcTime start) {
  auto output = CaptureFile::create(file);
  if (!output) return std::unexpected(output.error());
  return started(std::make_unique<RtpdumpWriter>(std::move(*output), start));
}

Result<std::unique_ptr<Writer>> make_mjr_writer(const std::filesystem::path& file, UtcTime start,
                                                const ManifestTrack& track) {
  const auto media = std::ranges::find_if(
      track.codecs, [](const Codec& codec) { return payload_role(codec.mime_type) == PayloadRole::media; });
  const Codec* codec = track.codec ? &*track.codec : media != track.codecs.end() ? &*media : nullptr;
  if (codec == nullptr)
    return fail(Errc::unsupported,
                "mjr files name their codec, and the recording does not know this track's");
  nlohmann::ordered_json info = {{"t", track.kind == MediaKind::audio ? "a" : "v"}, {"c", mjr_codec(*codec)}};
  if (codec->sdp_fmtp_line) {
    std::string_view fmtp = *codec->sdp_fmtp_line;
    sdp::take_word(fmtp);
    info["f"] = fmtp;
  }
  for (const auto& [uri, id] : track.header_extensions) info["x"][std::to_string(id)] = uri;
  info["s"] = info["u"] = start.time_since_epoch().count();
  const std::string text = info.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > 65535)
    return fail(Errc::unsupported, "the track's description is too long for an mjr file");
  auto output = CaptureFile::create(file);
  if (!output) return std::unexpected(output.error());
  return started(std::make_unique<MjrWriter>(std::move(*output), start), text);
}

}  // namespace rtpx::capture
