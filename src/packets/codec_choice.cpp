#include "packets/codec_choice.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "base/ascii.hpp"
#include "base/remote_file.hpp"
#include "codec/depacketizer.hpp"
#include "codec/telephone_event.hpp"
#include "packets/limits.hpp"
#include "packets/media_payload.hpp"
#include "rtp/packet.hpp"
#include "rtp/static_payload_types.hpp"
#include "rtp/unwrap.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr int kPacketsToLookAt = 20'000;

Codec recognised_codec(std::uint8_t payload_type, const std::string& mime_type) {
  const bool audio = mime_type.starts_with("audio/");
  Codec codec{payload_type, mime_type, audio ? 48000U : 90000U, std::nullopt, std::nullopt, {}};
  if (audio) codec.channels = 2;
  return codec;
}

/// Watches one payload type until its codec is sure.
class Watched {
 public:
  explicit Watched(MediaKind kind) : recognizer_(kind) {}
  void push(const RtpPacket& packet) {
    recognizer_.push({sequence_(packet.sequence_number), timestamp_(packet.timestamp), packet.marker,
                      packet.payload, std::nullopt});
  }
  [[nodiscard]] std::optional<std::string> answer() const { return recognizer_.answer(); }
  [[nodiscard]] bool goes_with(const std::string& mime_type) const {
    return recognizer_.goes_with(mime_type);
  }

 private:
  CodecRecognizer recognizer_;
  SequenceUnwrapper sequence_;
  TimestampUnwrapper timestamp_;
};

Result<CodecChoice> recognise(const TrackFiles& files) {
  auto reader = RecordReader::open(files.rtp, RecordReader::Content::rtp, {}, files.source);
  if (!reader) return std::unexpected(reader.error());
  std::map<std::uint8_t, std::unique_ptr<Watched>> watched;
  const auto all_sure = [&] {
    return !watched.empty() &&
           std::ranges::all_of(watched, [](const auto& w) { return w.second->answer().has_value(); });
  };
  for (int seen = 0; seen < kPacketsToLookAt && !(seen >= 100 && all_sure()); ++seen) {
    auto record = (*reader)->next();
    if (!record) return std::unexpected(record.error());
    if (!*record) break;
    const auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    auto& entry = watched[packet->payload_type];
    if (!entry) entry = std::make_unique<Watched>(files.track.kind);
    entry->push(*packet);
  }
  CodecChoice choice;
  choice.recognised = true;
  for (const auto& [payload_type, entry] : watched) {
    if (const auto known = static_codec(payload_type);
        known && known->mime_type.starts_with("audio/") && files.track.kind == MediaKind::audio)
      choice.codecs.push_back(*known);
    else if (const auto answer = entry->answer())
      choice.codecs.push_back(recognised_codec(payload_type, *answer));
    else if (choice.doubt.empty())
      choice.doubt = "the manifest names no codec, and the payload of type " + std::to_string(payload_type) +
                     " is none that can be recognised for sure";
  }
  return choice;
}

bool is_media(const Codec& codec) {
  return PayloadTypes({codec}).role(codec.payload_type) == PayloadRole::media;
}

/// Sound without compression: what its packets' sizes and times must agree on, bytes for each tick of its
/// clock.
std::optional<std::uint32_t> bytes_a_tick(const Codec& codec) {
  for (const char* name : {"audio/PCMU", "audio/PCMA", "audio/G722"})
    if (equals_ignoring_case(codec.mime_type, name)) return 1;
  if (equals_ignoring_case(codec.mime_type, "audio/L16")) return 2U * codec.channels.value_or(1);
  return std::nullopt;
}

/// The packets of one payload type that nobody has told of.
class NamelessType {
 public:
  explicit NamelessType(MediaKind kind) : kind_(kind), watched_(kind) {}

  void push(const RtpPacket& packet) {
    if (ssrc_.value_or(packet.ssrc) != packet.ssrc) return;
    ssrc_ = packet.ssrc;
    if (last_size_ > 0 && packet.sequence_number == static_cast<std::uint16_t>(last_number_ + 1)) {
      const std::uint32_t ticks = packet.timestamp - last_time_;
      ++steps_;
      if (ticks > 0 && last_size_ % ticks == 0) ++by_ratio_[static_cast<std::uint32_t>(last_size_ / ticks)];
    }
    ++packets_;
    const auto event = packet.payload.size() == 4 ? parse_telephone_event(packet.payload) : std::nullopt;
    if (event && dtmf_digit(event->event) && (u8(packet.payload[1]) & 0x40) == 0 && event->duration > 0)
      ++events_;
    last_size_ = packet.payload.size();
    last_number_ = packet.sequence_number;
    last_time_ = packet.timestamp;
    watched_.push(packet);
  }

  [[nodiscard]] std::optional<Codec> codec(std::uint8_t type, const std::vector<Codec>& known) const {
    if (const auto fixed = static_codec(type); fixed && fixed->mime_type.starts_with(kind_name()))
      return fixed;
    if (kind_ == MediaKind::audio && events_ == packets_) {  // digits, RFC 4733, and nothing else
      const auto media = std::ranges::find_if(known, is_media);
      return Codec{.payload_type = type,
                   .mime_type = "audio/telephone-event",
                   .clock_rate = media == known.end() ? 8'000 : media->clock_rate,
                   .channels = 1};
    }
    const auto answer = watched_.answer();
    std::optional<Codec> found;
    for (const Codec& codec : known) {
      if (!is_media(codec) || !codec.mime_type.starts_with(kind_name())) continue;
      // Media comes in a row; metadata that a camera puts between does not.
      const bool in_a_row = steps_ >= 2 && steps_ * 3 >= packets_;
      const bool same =
          answer ? equals_ignoring_case(codec.mime_type, *answer) : in_a_row && goes_with(codec);
      if (same && found && !equals_ignoring_case(found->mime_type, codec.mime_type)) return std::nullopt;
      if (same && !found) found = codec;
    }
    if (!found && answer) found = recognised_codec(type, *answer);
    if (found) found->payload_type = type;
    return found;
  }

 private:
  [[nodiscard]] std::string_view kind_name() const { return kind_ == MediaKind::audio ? "audio/" : "video/"; }
  [[nodiscard]] bool goes_with(const Codec& codec) const {
    const auto ratio = bytes_a_tick(codec);
    if (!ratio) return watched_.goes_with(codec.mime_type);
    const auto fitting = by_ratio_.find(*ratio);
    return fitting != by_ratio_.end() && fitting->second * 10 >= steps_ * 9;
  }

  MediaKind kind_;
  Watched watched_;
  std::optional<std::uint32_t> ssrc_;
  std::size_t last_size_ = 0;
  std::uint16_t last_number_ = 0;
  std::uint32_t last_time_ = 0;
  std::uint64_t packets_ = 0, events_ = 0,
                steps_ = 0;                          // steps: from a packet to the one with the next number
  std::map<std::uint32_t, std::uint64_t> by_ratio_;  // steps by bytes a tick
};

}  // namespace

Result<std::vector<Codec>> recognise_types(const TrackFiles& files, const std::set<std::uint8_t>& types,
                                           const std::vector<Codec>& known, const std::stop_token& stop) {
  auto reader = RecordReader::open(files.rtp, RecordReader::Content::rtp, {}, files.source);
  if (!reader) return std::unexpected(reader.error());
  const PayloadTypes roles(known);
  std::map<std::uint8_t, NamelessType> found;
  for (int seen = 0, count = 1; seen < kPacketsToLookAt; ++count) {
    const auto record = (*reader)->next();
    if (!record && is_passing(record.error())) return std::unexpected(record.error());
    if (!record || !*record) break;
    if (count % kPacketsPerLook == 0 && stop.stop_requested()) return fail(Errc::cancelled, "cancelled");
    auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    const MediaPayload media = media_payload(roles, *packet);
    if (media.role != PayloadRole::unknown || !types.contains(media.payload_type)) continue;
    packet->payload = media.payload;
    found.try_emplace(media.payload_type, files.track.kind).first->second.push(*packet);
    ++seen;
  }
  std::vector<Codec> codecs;
  for (const auto& [type, unknown] : found)
    if (auto codec = unknown.codec(type, known)) codecs.push_back(std::move(*codec));
  return codecs;
}

Result<CodecChoice> choose_codecs(const TrackFiles& files) {
  CodecChoice choice{files.track.codecs, false, {}};
  const auto& codec = files.track.codec;
  const auto same_type = [&](const Codec& c) { return c.payload_type == codec->payload_type; };
  if (codec && std::ranges::none_of(choice.codecs, same_type)) choice.codecs.push_back(*codec);
  if (!choice.codecs.empty()) return choice;
  return recognise(files);
}

}  // namespace rtpx
