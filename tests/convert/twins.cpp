#include "convert/twins.hpp"

#include <algorithm>
#include <optional>

#include "base/ascii.hpp"
#include "rtp/packet.hpp"
#include "rtp/unwrap.hpp"
#include "support/recording.hpp"

namespace rtpx::test {
namespace {

constexpr std::size_t kSequence = 2, kTime = 4, kSsrc = 8;  // in an RTP packet, RFC 3550 section 5.1
constexpr std::int64_t kRtxDelayMs = 60;

std::byte* packet_of(std::string& record) {
  return reinterpret_cast<std::byte*>(record.data()) + RecordHeader::kBytes;
}
RtpPacket parsed(const std::string& record) {
  return parse_rtp(as_bytes(record).subspan(RecordHeader::kBytes)).value_or(RtpPacket{});
}
std::int64_t arrival_of(const std::string& record) {
  return load_record_header(as_bytes(record).data()).receive_time_ms;
}

/// How a source goes on after it began anew.
struct Shift {
  std::uint32_t from_time = 0;
  std::uint16_t numbers = 0;
  std::uint32_t ticks = 0;
};
using Shifts = std::map<std::uint32_t, Shift>;  // by SSRC

/// The shift of what was sent at this time.
Shift shift_at(const Shifts& shifts, std::uint32_t ssrc, std::uint32_t time) {
  const auto found = shifts.find(ssrc);
  const bool after = found != shifts.end() && static_cast<std::int32_t>(time - found->second.from_time) >= 0;
  return after ? found->second : Shift{};
}

void shift_reports(std::string& record, const Shifts& shifts) {
  std::byte* rtcp = packet_of(record);
  const std::size_t size = record.size() - RecordHeader::kBytes;
  for (std::size_t at = 0; at + 20 <= size; at += 4 * (std::size_t{load_be<std::uint16_t>(rtcp + at + 2)} + 1)) {
    if (rtcp[at + 1] != std::byte{200}) continue;  // sender report, RFC 3550 section 6.4.1
    const auto time = load_be<std::uint32_t>(rtcp + at + 16);
    store_be(rtcp + at + 16, time + shift_at(shifts, load_be<std::uint32_t>(rtcp + at + 4), time).ticks);
  }
}

}  // namespace

Twin::Twin(const std::filesystem::path& recording)
    : copy_(recording), manifest_(read_manifest(recording).value()) {
  for (const auto& [id, track] : manifest_)
    for (const RawRecord& record : read_records(path() / track.location)) {
      begin_ms_ = std::min(begin_ms_, record.receive_ms);
      end_ms_ = std::max(end_ms_, record.receive_ms);
    }
  tell_sounds_apart();
}

Twin::Types Twin::types_of(const ManifestTrack& track) {
  Types out;
  out.media.resize(128);
  for (const Codec& codec : track.codecs) {
    const std::string name = lower(codec.mime_type.substr(codec.mime_type.find('/') + 1));
    const std::string fmtp = codec.sdp_fmtp_line.value_or("");
    if (name == "rtx")
      out.rtx[codec.payload_type] = static_cast<std::uint8_t>(std::stoi(fmtp.substr(fmtp.find("apt=") + 4)));
    else
      out.media[codec.payload_type] = name != "ulpfec" && !name.starts_with("flexfec");
  }
  return out;
}

void Twin::cut(std::int64_t from_ms, std::int64_t to_ms) {
  const Change keep = [&](std::string& record) {
    const std::int64_t ms = arrival_of(record) - begin_ms_;
    return ms >= from_ms && ms < to_ms;
  };
  for (const auto& [id, track] : manifest_) {
    copy_.change(track.location, keep);
    if (track.rtcp_location) copy_.change(*track.rtcp_location, keep);
  }
}

void Twin::begin_anew(std::int64_t at_ms) {
  for (const auto& [id, track] : manifest_) {
    const Types types = types_of(track);
    struct Source {
      std::uint16_t number = 0;
      std::uint32_t time = 0, last_time = 0;
    };
    std::map<std::uint32_t, Source> sources;
    std::map<std::uint8_t, std::uint32_t> ssrc_of_rid;
    Shifts shifts;
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      if (!types.media[packet.payload_type]) return true;
      ssrc_of_rid.try_emplace(static_cast<std::uint8_t>(record[0]), packet.ssrc);
      Source& source =
          sources.try_emplace(packet.ssrc, Source{packet.sequence_number, packet.timestamp, packet.timestamp})
              .first->second;
      if (arrival_of(record) - begin_ms_ >= at_ms && packet.timestamp != source.last_time)
        shifts.try_emplace(packet.ssrc,
                           Shift{packet.timestamp,
                                 static_cast<std::uint16_t>(source.number - packet.sequence_number),
                                 source.time - packet.timestamp});
      source.last_time = packet.timestamp;
      return true;
    });
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      std::byte* bytes = packet_of(record);
      const bool rtx = types.rtx.contains(packet.payload_type);
      const std::uint32_t ssrc = rtx ? ssrc_of_rid[static_cast<std::uint8_t>(record[0])] : packet.ssrc;
      const Shift shift = shift_at(shifts, ssrc, packet.timestamp);
      store_be(bytes + kTime, packet.timestamp + shift.ticks);
      std::byte* number =
          rtx ? bytes + (packet.payload.data() - packet.whole.data()) : bytes + kSequence;  // RFC 4588 section 4
      if (!rtx || packet.payload.size() >= 2)
        store_be(number, static_cast<std::uint16_t>(load_be<std::uint16_t>(number) + shift.numbers));
      return true;
    });
    if (track.rtcp_location)
      copy_.change(*track.rtcp_location, [&](std::string& record) {
        shift_reports(record, shifts);
        return true;
      });
  }
}

bool Twin::first_by_rtx() {
  bool any = false;
  for (const auto& [id, track] : manifest_) {
    if (track.kind != MediaKind::video) continue;
    std::map<std::uint8_t, std::uint8_t> rtx_of;
    for (const auto& [rtx, media] : types_of(track).rtx) rtx_of[media] = rtx;
    std::map<std::uint32_t, bool> seen;
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      if (!rtx_of.contains(packet.payload_type) || packet.payload.empty() || seen[packet.ssrc]) return true;
      seen[packet.ssrc] = any = true;
      make_rtx(record, rtx_of[packet.payload_type], 1000);
      return true;
    });
  }
  return any;
}

/// Of a media packet, its retransmission: RFC 4588 section 4.
void Twin::make_rtx(std::string& record, std::uint8_t type, std::uint16_t rtx_number) {
  const RtpPacket packet = parsed(record);
  std::byte* bytes = packet_of(record);
  const std::byte number[2] = {bytes[kSequence], bytes[kSequence + 1]};
  const std::uint32_t ssrc = packet.ssrc;
  const std::size_t header =
      RecordHeader::kBytes + static_cast<std::size_t>(packet.payload.data() - packet.whole.data());
  record.resize(header + packet.payload.size());  // without padding
  record.insert(header, std::string(as_text(number)));
  bytes = packet_of(record);
  bytes[0] &= std::byte{0xDF};
  bytes[1] = (bytes[1] & std::byte{0x80}) | std::byte{type};
  store_be(bytes + kSequence, rtx_number);
  store_be(bytes + kSsrc, ssrc ^ 0x5A5A5A5AU);
  RecordHeader changed = load_record_header(as_bytes(record).data());
  changed.receive_time_ms += kRtxDelayMs;
  changed.size = static_cast<std::uint32_t>(record.size() - RecordHeader::kBytes);
  store_record_header(reinterpret_cast<std::byte*>(record.data()), changed);
}

bool Twin::only_by_rtx() {
  bool any = false;
  for (const auto& [id, track] : manifest_) {
    if (track.kind != MediaKind::video) continue;
    const Types types = types_of(track);
    std::map<std::uint8_t, std::uint8_t> rtx_of;
    for (const auto& [rtx, media] : types.rtx) rtx_of[media] = rtx;
    std::map<std::uint8_t, std::uint32_t> ssrc_of_rid;
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      if (types.media[packet.payload_type]) ssrc_of_rid.try_emplace(static_cast<std::uint8_t>(record[0]), packet.ssrc);
      return true;
    });
    std::uint16_t number = 1000;
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      if (types.rtx.contains(packet.payload_type)) {  // these stay, of the same source
        store_be(packet_of(record) + kSsrc, ssrc_of_rid[static_cast<std::uint8_t>(record[0])] ^ 0x5A5A5A5AU);
        RecordHeader later = load_record_header(as_bytes(record).data());
        later.receive_time_ms += kRtxDelayMs;
        store_record_header(reinterpret_cast<std::byte*>(record.data()), later);
        return true;
      }
      if (!rtx_of.contains(packet.payload_type) || packet.payload.empty()) return false;
      any = true;
      make_rtx(record, rtx_of[packet.payload_type], number++);
      return true;
    });
  }
  return any;
}

void Twin::without_reports() {
  for (const auto& [id, track] : manifest_)
    if (track.rtcp_location) write_file(path() / *track.rtcp_location, "");
}

void Twin::tell_sounds_apart() {
  constexpr std::size_t kLongestDtx = 2;  // bytes
  for (const auto& [id, track] : manifest_) {
    std::vector<bool> opus(128);
    for (const Codec& codec : track.codecs) opus[codec.payload_type] = lower(codec.mime_type) == "audio/opus";
    copy_.change(track.location, [&](std::string& record) {
      const RtpPacket packet = parsed(record);
      const bool padded = (packet_of(record)[0] & std::byte{0x20}) != std::byte{};
      if (!opus[packet.payload_type] || packet.payload.size() <= kLongestDtx || padded) return true;
      record.append(as_text(Bytes(packet_of(record) + kTime, 4)));
      RecordHeader changed = load_record_header(as_bytes(record).data());
      changed.size = static_cast<std::uint32_t>(record.size() - RecordHeader::kBytes);
      store_record_header(reinterpret_cast<std::byte*>(record.data()), changed);
      return true;
    });
  }
}

std::vector<Twin::Arrivals> Twin::frames(MediaKind kind, const std::string& rid) const {
  std::map<std::int64_t, Arrivals> frames;  // by unwrapped time
  for (const auto& [id, track] : manifest_) {
    if (track.kind != kind) continue;
    const Types types = types_of(track);
    const auto layer = track.rid_map.find(rid.empty() ? std::optional<std::string>() : rid);
    TimestampUnwrapper unwrap;
    for (const RawRecord& record : read_records(path() / track.location)) {
      const auto packet = parse_rtp(record.packet);
      if (!packet || packet->payload.empty()) continue;
      const bool rtx = types.rtx.contains(packet->payload_type);
      if (!rtx && !types.media[packet->payload_type]) continue;
      if (layer != track.rid_map.end() && record.rid_index != layer->second) continue;
      const std::int64_t ms = record.receive_ms - begin_ms_;
      const std::int64_t time = rtx ? unwrap.peek(packet->timestamp) : unwrap(packet->timestamp);
      if (rtx && !frames.contains(time)) continue;  // of what is still to come, or a probe
      Arrivals& frame = frames.try_emplace(time, Arrivals{ms, ms}).first->second;
      frame.last_ms = std::max(frame.last_ms, ms);
    }
  }
  std::vector<Arrivals> out;
  for (const auto& [time, arrivals] : frames) out.push_back(arrivals);
  return out;
}

}  // namespace rtpx::test
