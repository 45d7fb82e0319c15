// Whole conversions: hostile packets in two well-formed record files, with any options.
// Input: 6 bytes of options, then packets of { control, length of 16 bits, payload }. Control: bits 0-1 the
// stream (video's rids "a" and "b", audio, the video's RTCP), bits 2-3 the step of the sequence number, bits
// 4-5 the step of the RTP time, bit 6 the marker, bit 7 a repair payload type.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "base/bytes.hpp"
#include "libav_leaks.hpp"
#include "require.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"
#include "support/record_files.hpp"

using namespace rtpx;
namespace fs = std::filesystem;

namespace {

constexpr std::array kVideo{"video/VP8", "video/VP9", "video/AV1", "video/H264", "video/H265", ""};
constexpr std::array kFormats{Format::automatic, Format::webm, Format::mkv, Format::mp4,  Format::fmp4,
                              Format::ogg,       Format::wav,  Format::ivf, Format::h264, Format::h265};
constexpr std::int64_t kStartMs = 1'000'000;
constexpr std::int64_t kLongestStepMs = 60'000;

struct Stream {
  std::uint32_t ssrc;
  std::uint8_t rid, media, repair;
  std::uint32_t clock_rate;
  std::uint16_t number = 65'500;
  std::uint32_t time = 0xFFFF'0000;
};

std::vector<std::byte> rtp(const Stream& stream, unsigned control, Bytes payload) {
  std::vector<std::byte> out(12);
  out[0] = std::byte{0x80};
  out[1] = static_cast<std::byte>(((control & 64U) != 0 ? 0x80U : 0U) |
                                  ((control & 128U) != 0 ? stream.repair : stream.media));
  store_be(out.data() + 2, stream.number);
  store_be(out.data() + 4, stream.time);
  store_be(out.data() + 8, stream.ssrc);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

ManifestTrack track(MediaKind kind, const std::string& location, std::vector<Codec> codecs) {
  ManifestTrack out;
  out.kind = kind;
  out.streams = {"call"};
  out.rid_map = {{std::nullopt, 0}};
  if (!codecs.empty() && !codecs.front().mime_type.empty()) {
    out.codec = codecs.front();
    out.codecs = std::move(codecs);
  }
  out.location = location;
  return out;
}

ConvertOptions options_of(ByteReader& in) {
  ConvertOptions out;
  const unsigned policies = in.u8(), more = in.u8(), layers = in.u8();
  out.incomplete = static_cast<Incomplete>(policies % 3);
  out.gaps = static_cast<GapPolicy>(policies / 3 % 3);
  out.on_change = static_cast<OnChange>(policies / 9 % 2);
  out.layers = static_cast<Layers>(policies / 18 % 2);
  out.format = kFormats[more % kFormats.size()];
  out.audio = static_cast<AudioCodec>(more / kFormats.size() % 5);
  out.opus_fec = (more & 128U) != 0;
  out.join = (layers & 128U) != 0;
  out.write_reports = (layers & 64U) != 0;
  if ((layers & 1U) != 0) out.max_spatial_layer = static_cast<int>(layers >> 1 & 3U);
  if ((layers & 8U) != 0) out.max_temporal_layer = static_cast<int>(layers >> 4 & 3U);
  return out;
}

/// What one input writes, on a disk of memory where there is one.
struct Folder {
  fs::path path = (fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) /
                  ("rtpx-fuzz-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path / "in"); }
  ~Folder() { fs::remove_all(path); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader in(std::as_bytes(std::span(data, size)));
  ConvertOptions options = options_of(in);
  const std::string video = kVideo[in.u8() % kVideo.size()];
  const bool simulcast = in.u8() % 2 == 1, red_audio = in.u8() % 2 == 1;

  std::array streams{Stream{1, 0, 96, 97, 90'000},
                     Stream{2, simulcast ? std::uint8_t{1} : std::uint8_t{0}, 96, 49, 90'000},
                     Stream{3, 0, 111, 63, 48'000}};
  test::RecordFile video_file, audio_file, rtcp_file;
  std::int64_t now_ms = kStartMs;
  while (in.remaining() >= 3) {
    const unsigned control = in.u8();
    const std::uint16_t length = in.u16();
    const Bytes payload = in.take(std::min<std::size_t>(length & 2047U, in.remaining()));
    if ((control & 3U) == 3) {
      if (payload.size() >= 4) rtcp_file.add({0, now_ms, 0}, payload);
      continue;
    }
    Stream& stream = streams[control & 3U];
    constexpr std::array<std::uint16_t, 4> kNumbers{1, 2, 0, 65'533};
    const std::array<std::uint32_t, 4> times{0, stream.clock_rate / 50, stream.clock_rate * 30, 0x7654'3210};
    stream.number = static_cast<std::uint16_t>(stream.number + kNumbers[control >> 2 & 3U]);
    stream.time += times[control >> 4 & 3U];
    now_ms += (control >> 4 & 3U) == 2 ? 30'000 : 7;
    (stream.media == 111 ? audio_file : video_file)
        .add({stream.rid, now_ms, 0}, rtp(stream, control, payload));
  }

  const Folder folder;
  test::write_file(folder.path / "in/v.rtpx", video_file.text());
  test::write_file(folder.path / "in/v.rtcpx", rtcp_file.text());
  test::write_file(folder.path / "in/a.rtpx", audio_file.text());
  Manifest manifest;
  manifest["v"] = track(
      MediaKind::video, "v.rtpx",
      {{.payload_type = 96, .mime_type = video, .clock_rate = 90'000},
       {.payload_type = 97, .mime_type = "video/rtx", .clock_rate = 90'000, .sdp_fmtp_line = "97 apt=96"},
       {.payload_type = 49, .mime_type = "video/flexfec-03", .clock_rate = 90'000}});
  manifest["v"].rtcp_location = "v.rtcpx";
  if (simulcast) manifest["v"].rid_map = {{"a", 0}, {"b", 1}};
  std::vector<Codec> audio{
      {.payload_type = 111, .mime_type = "audio/opus", .clock_rate = 48'000, .channels = 2}};
  if (red_audio)
    audio.push_back({.payload_type = 63,
                     .mime_type = "audio/red",
                     .clock_rate = 48'000,
                     .channels = 2,
                     .sdp_fmtp_line = "63 111/111"});
  manifest["a"] = track(MediaKind::audio, "a.rtpx", std::move(audio));

  options.output_path = folder.path / "out";
  const auto result = convert(manifest, folder.path / "in", options);
  std::set<fs::path> promised;
  if (result) {
    for (const auto& [id, file] : result->files) {
      promised.insert(file.file.filename());
      if (file.report_location) promised.insert(fs::path(*file.report_location).filename());
      for (const ConvertedPart& part : file.parts) promised.insert(fs::path(part.location).filename());
      require(file.duration_ms >= 0 && file.offset_ms >= 0);
      require(file.offset_ms + file.duration_ms <= now_ms - kStartMs + kLongestStepMs);
    }
    for (const fs::path& name : promised) require(fs::exists(options.output_path / name));
  } else {
    require(!result.error().message.empty());
  }
  if (fs::exists(options.output_path))
    for (const auto& entry : fs::directory_iterator(options.output_path))
      require(promised.contains(entry.path().filename()));
  return 0;
}
