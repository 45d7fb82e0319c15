#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "libav_leaks.hpp"
#include "mux/annexb.hpp"
#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"
#include "mux/parameter_sets.hpp"
#include "mux/payload.hpp"
#include "require.hpp"
#include "support/fault_file_system.hpp"

using namespace rtpx;

namespace {

struct Case {
  Format format;
  const char* mime_type;
};
constexpr std::array kCases{
    Case{Format::webm, "video/VP8"},  Case{Format::webm, "video/VP9"},  Case{Format::mkv, "video/AV1"},
    Case{Format::mkv, "video/H264"},  Case{Format::mkv, "video/H265"},  Case{Format::mkv, "audio/opus"},
    Case{Format::mkv, "audio/L16"},   Case{Format::mkv, "audio/FLAC"},  Case{Format::h264, "video/H264"},
    Case{Format::h265, "video/H265"}, Case{Format::ivf, "video/AV1"},   Case{Format::wav, "audio/PCMU"},
    Case{Format::wav, "audio/L16"},   Case{Format::wav, "audio/G722"},  Case{Format::mp4, "video/VP9"},
    Case{Format::mp4, "video/H264"},  Case{Format::mp4, "audio/opus"},  Case{Format::mp4, "audio/AAC"},
    Case{Format::fmp4, "video/AV1"},  Case{Format::fmp4, "video/H265"}, Case{Format::fmp4, "audio/FLAC"},
    Case{Format::fmp4, "audio/opus"}, Case{Format::ogg, "audio/opus"},  Case{Format::ogg, "audio/FLAC"}};

void parse(Bytes data) {
  std::vector<std::byte> scratch;
  for (const CodecId codec : {CodecId::h264, CodecId::h265}) {
    (void)parameter_sets(codec, data);
    (void)has_sequence_parameter_set(codec, data);
  }
  std::size_t total = 0;
  for (const Bytes nal : split_annexb(data)) total += nal.size() + 3;
  require(total <= data.size());
  require(length_prefixed(data, scratch).size() <= data.size() * 2);
  (void)avcc_of_annexb(data);
  (void)av1c_of_obus(data);
  require(without_temporal_delimiter(data).size() <= data.size());
  require(swap_16(data, scratch).size() == data.size() / 2 * 2);
}

}  // namespace

/// Input: which writer, flags, the length of the codec configuration, the configuration, then samples of
/// { control, time step of 16 bits, length }: control bit 0 keyframe, bit 1 new configuration, bit 2 back in
/// time, bit 3 long step, bit 4 discard.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes all = std::as_bytes(std::span(data, size));
  parse(all);
  ByteReader in(all);
  const Case& which = kCases[in.u8() % kCases.size()];
  const unsigned flags = in.u8();
  OutputTrack track;
  track.mime_type = which.mime_type;
  track.config.width = 1 + static_cast<int>(flags);
  track.config.height = 9;
  track.config.channels = flags & 3U;
  track.config.sample_rate = (flags & 4U) != 0 ? 8'000 : 0;
  track.rotation = (flags >> 3 & 3) * 90;
  track.mirrored = (flags & 32U) != 0;
  const Bytes setup = in.take(in.u8());
  track.config.codec_private.assign(setup.begin(), setup.end());

  test::FaultFileSystem files;
  require(files.create_directories("/out").has_value());
  bool finished = false;
  {
    auto muxer = open_muxer(which.format, "/out/a", {track},
                            {.duration_ns = flags * 1'000'000'000LL, .cue_points = flags & 7U}, files);
    if (!muxer) {
      require(files.list("/out")->empty());
      return 0;
    }
    std::int64_t time = 0;
    bool failed = false;
    while (!in.empty()) {
      const unsigned control = in.u8();
      const std::int64_t step =
          static_cast<std::int64_t>(in.u16()) * ((control & 8U) != 0 ? 100'000'000 : 100'000);
      time += (control & 4U) != 0 ? -step : step;
      time = std::min<std::int64_t>(time, 20'000'000'000);  // WAV fills gaps
      Sample sample;
      sample.time_ns = time;
      sample.duration_ns = step;
      sample.keyframe = (control & 1U) != 0;
      sample.new_config = (control & 2U) != 0 ? &track.config : nullptr;
      sample.discard_ns = (control & 16U) != 0 ? step / 2 : 0;
      sample.data = in.take(in.u8());
      failed = !(*muxer)->write(sample) || failed;
    }
    finished = (*muxer)->finish().has_value();
    require(finished || failed);
  }
  require(files.list("/out")->size() == (finished ? 1 : 0));
  return 0;
}
