#include "support/packet_recording.hpp"

#include <algorithm>

#include "base/utc_time.hpp"
#include "rtp/packet.hpp"
#include "rtp/unwrap.hpp"
#include "support/captures.hpp"
#include "support/record_files.hpp"

namespace rtpx::test {
namespace {

constexpr std::size_t kFixedHeader = 12;
constexpr std::uint16_t kOneByteForm = 0xBEDE;

template <typename T>
T field(const std::string& packet, std::size_t at) {
  return load_be<T>(as_bytes(packet).data() + at);
}
template <typename T>
void set_field(std::string& packet, std::size_t at, T value) {
  store_be(reinterpret_cast<std::byte*>(packet.data()) + at, value);
}

}  // namespace

PacketRecording::PacketRecording(std::filesystem::path folder) : folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
}

void PacketRecording::add(const std::string& id, MediaKind kind, std::vector<Codec> codecs,
                          const std::vector<std::string>& packets,
                          const std::map<std::string, std::uint8_t>& header_extensions,
                          const std::vector<std::int64_t>& arrivals_ms) {
  const std::int64_t rate = !codecs.empty()            ? codecs.front().clock_rate
                            : kind == MediaKind::video ? 90'000
                                                       : 48'000;
  RecordFile file;
  TimestampUnwrapper times;
  std::int64_t first = 0, now_ms = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const std::string& packet = packets[i];
    const std::int64_t time = times(field<std::uint32_t>(packet, 4));
    if (now_ms == 0) first = time;
    now_ms = std::max(now_ms, 1'000'000 + (time - first) * 1000 / rate);
    if (!arrivals_ms.empty()) now_ms = 1'000'000 + arrivals_ms[i];
    file.add({0, now_ms, 0}, as_bytes(packet));
  }
  write_file(folder_ / (id + ".rtpx"), file.text());
  ManifestTrack track;
  track.start_time = *parse_utc("2026-01-01T00:00:00Z");
  track.kind = kind;
  track.streams = {stream};
  track.rid_map = {{std::nullopt, 0}};
  if (!codecs.empty()) track.codec = codecs.front();
  track.codecs = std::move(codecs);
  track.header_extensions = header_extensions;
  track.location = id + ".rtpx";
  manifest_[id] = track;
  write_file(folder_ / "manifest.json", serialize_manifest(manifest_));
}

std::vector<std::string> continued(const std::vector<std::string>& before, std::vector<std::string> packets,
                                   std::uint32_t ticks) {
  const auto last_number = field<std::uint16_t>(before.back(), 2);
  const auto last_time = field<std::uint32_t>(before.back(), 4);
  const auto first_number = field<std::uint16_t>(packets.front(), 2);
  const auto first_time = field<std::uint32_t>(packets.front(), 4);
  for (std::string& packet : packets) {
    set_field(packet, 2,
              static_cast<std::uint16_t>(field<std::uint16_t>(packet, 2) - first_number + last_number + 1));
    set_field(packet, 4, field<std::uint32_t>(packet, 4) - first_time + last_time + ticks);
    set_field(packet, 8, field<std::uint32_t>(before.back(), 8));
  }
  return packets;
}

std::string with_extension(const std::string& packet, std::uint8_t id, const std::string& value) {
  std::string out = packet;
  const std::size_t at = kFixedHeader + 4U * (static_cast<std::uint8_t>(out[0]) & 15U);
  if ((out[0] & 0x10) == 0) {
    out[0] = static_cast<char>(out[0] | 0x10);
    out.insert(at, 4, '\0');
    set_field(out, at, kOneByteForm);
  }
  const auto words = field<std::uint16_t>(out, at + 2);
  std::string element(1, static_cast<char>(id << 4 | (value.size() - 1)));
  element += value;
  element.resize((element.size() + 3) / 4 * 4);
  set_field(out, at + 2, static_cast<std::uint16_t>(words + element.size() / 4));
  return out.insert(at + 4, element);
}

}  // namespace rtpx::test
