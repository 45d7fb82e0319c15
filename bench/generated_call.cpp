#include "generated_call.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "storage/record_format.hpp"
#include "util/bytes.hpp"

namespace rtpx::bench {
namespace {

constexpr std::uint32_t kPacketsAFrame = 9;
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

 private:
  std::vector<std::byte> packet_;
  std::uint16_t sequence_ = 65'000;
};

// RFC 7741 section 4.2 with a picture id of 15 bits, then RFC 6386 section 9.1.
void write_vp8_head(std::byte* payload, std::uint16_t picture, bool first, bool keyframe) {
  payload[0] = first ? std::byte{0x90} : std::byte{0x80};
  payload[1] = std::byte{0x80};
  store_be(payload + 2, static_cast<std::uint16_t>(0x8000 | picture));
  if (!first) return;
  const unsigned char key[] = {0x50, 0x42, 0x00, 0x9D, 0x01, 0x2A, 0x00, 0x05, 0xD0, 0x02};  // 1280 x 720
  std::memcpy(payload + 4, key, sizeof key);
  if (!keyframe) payload[4] = std::byte{0x51};
}

void write_manifest(const std::filesystem::path& folder) {
  std::FILE* file = std::fopen((folder / "manifest.json").c_str(), "w");
  if (file == nullptr) std::perror("manifest"), std::exit(2);
  std::fputs(
      R"({"audio":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"audio","streams":["call"],)"
      R"("rid_map":{"nil":0},"location":"audio.rtpx","codec":{"payload_type":111,"mime_type":"audio/opus",)"
      R"("clock_rate":48000,"channels":2,"sdp_fmtp_line":null,"rtcp_fbs":null}},)"
      R"("video":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"video","streams":["call"],)"
      R"("rid_map":{"nil":0},"location":"video.rtpx","codec":{"payload_type":96,"mime_type":"video/VP8",)"
      R"("clock_rate":90000,"channels":null,"sdp_fmtp_line":null,"rtcp_fbs":null}}})",
      file);
  std::fclose(file);
}

}  // namespace

void generate_call(const std::filesystem::path& folder, double minutes, bool duplicates) {
  std::filesystem::create_directories(folder);
  write_manifest(folder);
  const auto milliseconds = static_cast<std::int64_t>(minutes * 60'000);
  TrackFile video_file(folder / "video.rtpx"), audio_file(folder / "audio.rtpx");
  Source video(96, 0x1234, kVideoPayload), audio(111, 0x5678, kAudioPayload);
  audio.payload()[0] = std::byte{0x78};  // TOC: CELT, 20 ms, mono, one frame
  for (std::uint32_t frame = 0; std::int64_t{frame} * 100 / 3 < milliseconds; ++frame)
    for (std::uint32_t i = 0; i < kPacketsAFrame; ++i) {
      write_vp8_head(video.payload(), frame & 0x7FFF, i == 0, frame % 300 == 0);
      const std::int64_t time = std::int64_t{frame} * 100 / 3 + i;
      const auto& packet = video.next(frame * 3000, i + 1 == kPacketsAFrame);
      video_file.put(time, packet);
      if (duplicates && frame % 6 == 0 && i == 3) video_file.put(time, packet);
    }
  for (std::uint32_t i = 0; std::int64_t{i} * 20 < milliseconds; ++i)
    audio_file.put(std::int64_t{i} * 20 + 5, audio.next(i * 960, false));
}

}  // namespace rtpx::bench
