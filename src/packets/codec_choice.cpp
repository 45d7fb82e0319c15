#include "packets/codec_choice.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "codec/depacketizer.hpp"
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

 private:
  CodecRecognizer recognizer_;
  SequenceUnwrapper sequence_;
  TimestampUnwrapper timestamp_;
};

Result<CodecChoice> recognise(const TrackFiles& files) {
  auto reader = RecordReader::open(files.rtp);
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

}  // namespace

Result<CodecChoice> choose_codecs(const TrackFiles& files) {
  CodecChoice choice{files.track.codecs, false, {}};
  const auto& codec = files.track.codec;
  const auto same_type = [&](const Codec& c) { return c.payload_type == codec->payload_type; };
  if (codec && std::ranges::none_of(choice.codecs, same_type)) choice.codecs.push_back(*codec);
  if (!choice.codecs.empty()) return choice;
  return recognise(files);
}

}  // namespace rtpx
