#include "generated_call.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "generated_picture.hpp"
#include "storage/record_format.hpp"

namespace rtpx::bench {
namespace {

constexpr std::uint32_t kPacketsAFrame = 9, kKeyframeEvery = 300;
constexpr std::size_t kVideoPayload = 1147;  // with its header a packet of 1159 bytes
constexpr std::size_t kAudioPayload = 110;
constexpr std::size_t kRtpHeader = 12;

/// One track's file.
class TrackFile {
 public:
  explicit TrackFile(const std::filesystem::path& path) : file_(std::fopen(path.c_str(), "wb")) {
    if (file_ == nullptr) std::perror(path.c_str()), std::exit(2);
    std::setvbuf(file_, nullptr, _IOFBF, 1U << 20);
  }
  ~TrackFile() { std::fclose(file_); }
  TrackFile(const TrackFile&) = delete;
  TrackFile& operator=(const TrackFile&) = delete;

  void put(std::int64_t receive_ms, const std::vector<std::byte>& packet) {
    std::byte header[RecordHeader::kBytes];
    store_record_header(header, {0, receive_ms, static_cast<std::uint32_t>(packet.size())});
    if (std::fwrite(header, 1, sizeof header, file_) != sizeof header ||
        std::fwrite(packet.data(), 1, packet.size(), file_) != packet.size())
      std::perror("write"), std::exit(2);
  }

 private:
  std::FILE* file_;
};

/// Builds the packets of one source.
class Source {
 public:
  Source(std::uint8_t payload_type, std::uint32_t ssrc, std::size_t payload_bytes)
      : packet_(kRtpHeader + payload_bytes) {
    packet_[0] = std::byte{0x80};
    packet_[1] = static_cast<std::byte>(payload_type);
    store_be(packet_.data() + 8, ssrc);
    for (std::size_t i = kRtpHeader; i < packet_.size(); ++i) packet_[i] = static_cast<std::byte>(i * 7);
  }
  std::byte* payload() { return packet_.data() + kRtpHeader; }
  const std::vector<std::byte>& next(std::uint32_t timestamp, bool marker) {
    store_be(packet_.data() + 2, sequence_++);
    store_be(packet_.data() + 4, timestamp);
    packet_[1] = (packet_[1] & std::byte{0x7F}) | (marker ? std::byte{0x80} : std::byte{0});
    return packet_;
  }
  /// With another payload.
  std::vector<std::byte> next(std::uint32_t timestamp, bool marker, const std::vector<std::byte>& payload) {
    std::vector<std::byte> packet = next(timestamp, marker);
    packet.resize(kRtpHeader);
    packet.insert(packet.end(), payload.begin(), payload.end());
    return packet;
  }

 private:
  std::vector<std::byte> packet_;
  std::uint16_t sequence_ = 65'000;
};

/// A loss pattern that is the same each time.
class Losses {
 public:
  Losses(unsigned per_mille, unsigned again_percent) : per_mille_(per_mille), again_percent_(again_percent) {}
  bool next() {
    lost_ = lost_ ? random() % 100 < again_percent_ : random() % 1000 < per_mille_;
    return lost_;
  }
  std::uint32_t random() { return (state_ = state_ * 1664525U + 1013904223U) >> 8; }

 private:
  unsigned per_mille_, again_percent_;
  std::uint32_t state_ = 12345;
  bool lost_ = false;
};

/// FlexFEC of draft-ietf-payload-flexible-fec-scheme-03 over rows of ten packets.
class FecRow {
 public:
  static constexpr unsigned kPackets = 10;
  /// True when the row is full: then packet() is its parity.
  bool add(const std::vector<std::byte>& packet) {
    if (count_ == 0) row_.assign(kHead, std::byte{0}), base_ = load_be<std::uint16_t>(packet.data() + 2);
    if (row_.size() < kHead + packet.size() - kRtpHeader) row_.resize(kHead + packet.size() - kRtpHeader);
    const auto mix = [&](std::size_t at, std::byte value) { row_[at] ^= value; };
    mix(0, packet[0] & std::byte{0x3F});
    mix(1, packet[1]);
    const auto length = static_cast<std::uint16_t>(packet.size() - kRtpHeader);
    mix(2, static_cast<std::byte>(length >> 8)), mix(3, static_cast<std::byte>(length));
    for (std::size_t i = 0; i < 4; ++i) mix(4 + i, packet[4 + i]);
    for (std::size_t i = kRtpHeader; i < packet.size(); ++i) mix(kHead + i - kRtpHeader, packet[i]);
    if (++count_ < kPackets) return false;
    count_ = 0;
    row_[8] = std::byte{1};  // SSRCs; then the SSRC, the first number, and a mask of ten
    std::copy_n(packet.begin() + 8, 4, row_.begin() + 12);
    store_be(row_.data() + 16, base_);
    store_be(row_.data() + 18, std::uint16_t{0xFFE0});
    return true;
  }
  const std::vector<std::byte>& payload() const { return row_; }

 private:
  static constexpr std::size_t kHead = 20;
  std::vector<std::byte> row_;
  std::uint16_t base_ = 0;
  unsigned count_ = 0;
};

std::vector<std::byte> joined(std::vector<std::byte> head, const std::byte* data, std::size_t size) {
  head.insert(head.end(), data, data + size);
  return head;
}

/// A fixed header like that of `packet`, of another stream.
std::vector<std::byte> header_of(const std::vector<std::byte>& packet, std::uint8_t payload_type,
                                 std::uint16_t number, std::uint32_t ssrc_distance) {
  std::vector<std::byte> out(packet.begin(), packet.begin() + kRtpHeader);
  out[1] = (out[1] & std::byte{0x80}) | static_cast<std::byte>(payload_type);
  store_be(out.data() + 2, number);
  store_be(out.data() + 8, load_be<std::uint32_t>(out.data() + 8) + ssrc_distance);
  return out;
}

void write_lossy_manifest(const std::filesystem::path& folder) {
  std::FILE* file = std::fopen((folder / "manifest.json").c_str(), "w");
  if (file == nullptr) std::perror("manifest"), std::exit(2);
  const auto codec = [](int type, const char* mime, int rate, const char* fmtp) {
    return "{\"payload_type\":" + std::to_string(type) + ",\"mime_type\":\"" + mime +
           "\",\"clock_rate\":" + std::to_string(rate) + ",\"channels\":null,\"sdp_fmtp_line\":" + fmtp +
           ",\"rtcp_fbs\":null}";
  };
  const auto track = [](const char* kind, const std::string& first, const std::string& codecs) {
    return std::string("\"") + kind + R"(":{"start_time":"2026-01-01T00:00:00.000000Z","kind":")" + kind +
           R"(","streams":["call"],"rid_map":{"nil":0},"location":")" + kind + ".rtpx\",\"codec\":" + first +
           ",\"codecs\":[" + first + "," + codecs + "]}";
  };
  const std::string text = "{" +
                           track("audio", codec(111, "audio/opus", 48000, "null"),
                                 codec(63, "audio/red", 48000, "\"63 111/111\"")) +
                           "," +
                           track("video", codec(96, "video/VP8", 90000, "null"),
                                 codec(97, "video/rtx", 90000, "\"97 apt=96\"") + "," +
                                     codec(49, "video/flexfec-03", 90000, "null")) +
                           "}";
  std::fputs(text.c_str(), file);
  std::fclose(file);
}

void write_manifest(const std::filesystem::path& folder, Picture picture) {
  std::FILE* file = std::fopen((folder / "manifest.json").c_str(), "w");
  if (file == nullptr) std::perror("manifest"), std::exit(2);
  std::fprintf(
      file,
      R"({"audio":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"audio","streams":["call"],)"
      R"("rid_map":{"nil":0},"location":"audio.rtpx","codec":{"payload_type":111,"mime_type":"audio/opus",)"
      R"("clock_rate":48000,"channels":2,"sdp_fmtp_line":null,"rtcp_fbs":null}},)"
      R"("video":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"video","streams":["call"],)"
      R"("rid_map":{"nil":0},"location":"video.rtpx","codec":{"payload_type":96,"mime_type":"video/%s",)"
      R"("clock_rate":90000,"channels":null,"sdp_fmtp_line":null,"rtcp_fbs":null}}})",
      name_of(picture));
  std::fclose(file);
}

PicturePart part_of(std::uint32_t frame, std::uint32_t packet) {
  return {static_cast<std::uint16_t>(frame & 0x7FFF), frame % kKeyframeEvery == 0, packet == 0,
          packet + 1 == kPacketsAFrame};
}

}  // namespace

const char* name_of(Picture picture) {
  constexpr const char* kNames[] = {"VP8", "VP9", "AV1", "H264", "H265"};
  return kNames[static_cast<std::size_t>(picture)];
}

void generate_call(const std::filesystem::path& folder, double minutes, Picture picture) {
  std::filesystem::create_directories(folder);
  write_manifest(folder, picture);
  const auto milliseconds = static_cast<std::int64_t>(minutes * 60'000);
  TrackFile video_file(folder / "video.rtpx"), audio_file(folder / "audio.rtpx");
  Source video(96, 0x1234, kVideoPayload), audio(111, 0x5678, kAudioPayload);
  audio.payload()[0] = std::byte{0x78};  // TOC: CELT, 20 ms, mono, one frame
  const std::vector<std::byte> parameters = parameter_packet(picture);
  for (std::uint32_t frame = 0; std::int64_t{frame} * 100 / 3 < milliseconds; ++frame) {
    const std::int64_t time = std::int64_t{frame} * 100 / 3;
    if (frame % kKeyframeEvery == 0 && !parameters.empty())
      video_file.put(time, video.next(frame * 3000, false, parameters));
    for (std::uint32_t i = 0; i < kPacketsAFrame; ++i) {
      write_picture_head(picture, video.payload(), part_of(frame, i));
      video_file.put(time + i, video.next(frame * 3000, i + 1 == kPacketsAFrame));
    }
  }
  for (std::uint32_t i = 0; std::int64_t{i} * 20 < milliseconds; ++i)
    audio_file.put(std::int64_t{i} * 20 + 5, audio.next(i * 960, false));
}

void generate_lossy_call(const std::filesystem::path& folder, double minutes) {
  std::filesystem::create_directories(folder);
  write_lossy_manifest(folder);
  const auto milliseconds = static_cast<std::int64_t>(minutes * 60'000);
  TrackFile video_file(folder / "video.rtpx"), audio_file(folder / "audio.rtpx");
  Source video(96, 0x1234, kVideoPayload), audio(111, 0x5678, kAudioPayload);
  audio.payload()[0] = std::byte{0x78};
  Losses video_losses(30, 25), audio_losses(20, 0);
  std::deque<std::pair<std::int64_t, std::vector<std::byte>>> again;  // RTX on its way
  std::uint16_t rtx_number = 0, fec_number = 0, red_number = 0;
  FecRow row;
  for (std::uint32_t frame = 0; std::int64_t{frame} * 100 / 3 < milliseconds; ++frame)
    for (std::uint32_t i = 0; i < kPacketsAFrame; ++i) {
      write_picture_head(Picture::vp8, video.payload(), part_of(frame, i));
      const std::int64_t time = std::int64_t{frame} * 100 / 3 + i;
      const auto& packet = video.next(frame * 3000, i + 1 == kPacketsAFrame);
      while (!again.empty() && again.front().first <= time) {
        video_file.put(again.front().first, again.front().second);
        again.pop_front();
      }
      if (!video_losses.next()) {
        video_file.put(time, packet);
      } else if (video_losses.random() % 4 != 0) {
        auto rtx = header_of(packet, 97, rtx_number++, 1);
        rtx.insert(rtx.end(), {packet[2], packet[3]});
        again.emplace_back(time + 60, joined(std::move(rtx), packet.data() + kRtpHeader, kVideoPayload));
      }
      if (row.add(packet))
        video_file.put(
            time, joined(header_of(packet, 49, fec_number++, 2), row.payload().data(), row.payload().size()));
    }
  std::vector<std::byte> before;
  for (std::uint32_t i = 0; std::int64_t{i} * 20 < milliseconds; ++i) {
    const auto& packet = audio.next(i * 960, false);
    auto red = header_of(packet, 63, static_cast<std::uint16_t>(65'000 + red_number++), 0);
    if (!before.empty()) {  // RFC 2198 section 3: F, type, 14 bits of time, 10 of length
      std::byte head[4];
      store_be(head,
               std::uint32_t{0x80U | 111U} << 24 | 960U << 10 | static_cast<std::uint32_t>(kAudioPayload));
      red = joined(std::move(red), head, sizeof head);
    }
    red.push_back(std::byte{111});
    red = joined(std::move(red), before.data(), before.size());
    red = joined(std::move(red), packet.data() + kRtpHeader, kAudioPayload);
    before.assign(packet.begin() + kRtpHeader, packet.end());
    if (!audio_losses.next()) audio_file.put(std::int64_t{i} * 20 + 5, red);
  }
}

}  // namespace rtpx::bench
