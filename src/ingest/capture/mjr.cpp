// Recordings of the Janus server. Three generations: "MEETECHO" with the word audio or video (0), "MJR00001"
// with a JSON header (1), "MJR00002" whose records carry a time in ms (2). A record is "MEETECHO", or "MEET"
// and the time, then a 16-bit length and the packet.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::string_view kVersion1 = "MJR00001", kVersion2 = "MJR00002", kRecord = "MEETECHO",
                           kTimedRecord = "MEET";
constexpr std::size_t kHead = 10;  // eight characters and the length

class MjrReader final : public Reader {
 public:
  MjrReader(Input input, int version, TrackHint hint, std::chrono::microseconds start)
      : input_(std::move(input)), version_(version), hint_(std::move(hint)), start_(start) {}

  Result<std::optional<Datagram>> next() override {
    while (counts_.damage.empty()) {
      const std::uint64_t offset = input_.offset();
      const Bytes head = input_.take(kHead);
      if (head.size() < kHead) {
        if (input_.error()) return std::unexpected(*input_.error());
        if (!head.empty()) counts_.damage = torn_at(offset);
        break;
      }
      if (!as_text(head).starts_with(version_ == 2 ? kTimedRecord : kRecord)) {
        counts_.damage =
            "there is no record at byte " + std::to_string(offset) + "; nothing after it can be read";
        break;
      }
      const std::chrono::milliseconds time(load_be<std::uint32_t>(&head[4]));
      const std::size_t length = load_be<std::uint16_t>(&head[8]);
      const Bytes packet = input_.take(length);
      ++counts_.records;
      if (packet.size() < length) {
        if (input_.error()) return std::unexpected(*input_.error());
        counts_.damage = torn_at(offset);
        break;
      }
      ++counts_.datagrams;
      Datagram out{.payload = packet};
      if (version_ == 2) out.time = start_ + time;
      return out;
    }
    return std::nullopt;
  }

  [[nodiscard]] Format format() const noexcept override { return Format::mjr; }
  [[nodiscard]] bool wall_clock() const noexcept override { return start_.count() > 0; }
  [[nodiscard]] const TrackHint* hint() const noexcept override { return &hint_; }

 private:
  Input input_;
  int version_;
  TrackHint hint_;
  std::chrono::microseconds start_;
};

struct MjrHeader {
  TrackHint hint;
  std::string type;
  std::chrono::microseconds start{0};
};

std::string text(const nlohmann::json& info, const char* key) {
  const auto at = info.find(key);
  return at != info.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// {"t":"v","c":"vp8","f":"…","x":{"1":"urn:…"},"or":63,"s":created,"u":first packet}; times in µs since 1970. The type
/// of RED is "or" in what Janus writes, "o" in older descriptions of it.
std::optional<MjrHeader> parse_header(Bytes json) {
  const auto info = nlohmann::json::parse(as_text(json), nullptr, false);
  if (!info.is_object()) return std::nullopt;
  MjrHeader out;
  out.type = text(info, "t");
  out.hint.kind = out.type == "a" ? MediaKind::audio : MediaKind::video;
  out.hint.codec = text(info, "c");
  out.hint.fmtp = text(info, "f");
  for (const char* key : {"or", "o"})
    if (const auto red = info.find(key);
        red != info.end() && red->is_number_unsigned() && *red <= 127 && !out.hint.red_payload_type)
      out.hint.red_payload_type = red->get<std::uint8_t>();
  if (const auto encrypted = info.find("e"); encrypted != info.end() && encrypted->is_boolean())
    out.hint.encrypted = encrypted->get<bool>();
  if (const auto extensions = info.find("x"); extensions != info.end() && extensions->is_object())
    for (const auto& [id, uri] : extensions->items())
      if (const int number = std::atoi(id.c_str()); number >= 1 && number <= 255 && uri.is_string())
        out.hint.header_extensions[uri.get<std::string>()] = static_cast<std::uint8_t>(number);
  for (const char* key : {"u", "s"})
    if (const auto at = info.find(key);
        at != info.end() && at->is_number_unsigned() && out.start.count() == 0)
      out.start =
          std::chrono::microseconds(std::min<std::uint64_t>(at->get<std::uint64_t>(), INT64_MAX / 4000));
  return out;
}

}  // namespace

bool looks_like_mjr(Bytes front) noexcept {
  const std::string_view text = as_text(front);
  return text.starts_with(kVersion1) || text.starts_with(kVersion2) || text.starts_with(kRecord);
}

Result<std::unique_ptr<Reader>> make_mjr_reader(Input input, const LinkTypes&) {
  const Bytes head = input.take(kHead);
  if (head.size() < kHead) return fail(Errc::truncated, "the mjr file ends inside its header");
  const std::string_view magic = as_text(head).substr(0, 8);
  const int version = magic == kVersion2 ? 2 : magic == kVersion1 ? 1 : 0;
  const std::size_t length = load_be<std::uint16_t>(&head[8]);
  const Bytes header = input.take(length);
  if (header.size() < length) return fail(Errc::truncated, "the mjr file ends inside its header");
  if (version == 0) {
    const bool audio = as_text(header).starts_with("audio");
    if (!audio && !as_text(header).starts_with("video"))
      return fail(Errc::unsupported, "the mjr file is neither of audio nor of video");
    TrackHint hint{.kind = audio ? MediaKind::audio : MediaKind::video, .codec = audio ? "opus" : "vp8"};
    return std::make_unique<MjrReader>(std::move(input), version, std::move(hint),
                                       std::chrono::microseconds(0));
  }
  auto parsed = parse_header(header);
  if (!parsed) return fail(Errc::malformed, "the mjr file's header is no JSON object");
  if (parsed->type != "a" && parsed->type != "v")
    return fail(Errc::unsupported,
                "the mjr file is neither of audio nor of video (its type is \"" + parsed->type + "\")");
  return std::make_unique<MjrReader>(std::move(input), version, std::move(parsed->hint), parsed->start);
}

}  // namespace rtpx::capture
