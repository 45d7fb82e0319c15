#include "ingest/capture/rtpengine_call.hpp"

#include <algorithm>
#include <array>
#include <fstream>

namespace rtpx::capture {
namespace {

constexpr std::size_t kMostText = std::size_t{4} << 20;
constexpr std::size_t kMostSections = 256;
constexpr std::string_view kMode = "SDP mode:", kPlace = "SDP before RTP packet:";

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_sdp_line(std::string_view line) {
  return line.size() >= 2 && line[0] >= 'a' && line[0] <= 'z' && line[1] == '=';
}

/// The lines that stand together after the empty ones.
std::string_view take_sdp(std::string_view& text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == '\r')) text.remove_prefix(1);
  const std::string_view start = text;
  while (!text.empty()) {
    std::string_view rest = text;
    if (!is_sdp_line(take_line(rest))) break;
    text = rest;
  }
  return start.substr(0, start.size() - text.size());
}

bool same_section(const sdp::Media& one, const sdp::Media& other) {
  return one.kind == other.kind && one.port == other.port && one.payload_types == other.payload_types;
}

void add_sections(std::string_view description, sdp::Session& to) {
  auto session = sdp::parse(description);
  if (!session) return;
  for (sdp::Media& media : session->media) {
    if (to.media.size() >= kMostSections) return;
    if (std::ranges::any_of(to.media, [&](const sdp::Media& known) { return same_section(known, media); }))
      continue;
    media.protocol = "RTP/AVP";
    media.cryptos.clear();
    to.media.push_back(std::move(media));
  }
}

}  // namespace

std::optional<RtpengineCall> parse_rtpengine(std::string_view text) {
  RtpengineCall call;
  const std::string_view path = take_line(text);
  if (!path.ends_with(".pcap") || path.find('\0') != std::string_view::npos) return std::nullopt;
  call.capture = std::string(path);
  bool described = false;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    described = described || line.starts_with(kMode);
    if (line.starts_with(kPlace)) add_sections(take_sdp(text), call.session);
  }
  if (!described) return std::nullopt;
  return call;
}

Result<std::optional<RtpengineCall>> read_rtpengine(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(4096, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (!std::string_view(text).substr(0, text.find('\n')).ends_with(".pcap")) return std::nullopt;
  std::string more(kMostText, '\0');
  in.read(more.data(), static_cast<std::streamsize>(more.size()));
  text.append(more, 0, static_cast<std::size_t>(in.gcount()));
  auto call = parse_rtpengine(text);
  if (!call) return std::nullopt;
  const auto name = call->capture.filename();
  const auto folder = std::filesystem::absolute(file).parent_path();
  for (const auto& place : std::array{call->capture, folder.parent_path() / "pcaps" / name,
                                      folder.parent_path() / "pcap" / name, folder / name}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(place, error)) continue;
    call->capture = place;
    return call;
  }
  return fail(Errc::not_found, file.string() + ": its capture " + name.string() +
                                   " lies neither where it says nor beside it; put it into the same folder");
}

}  // namespace rtpx::capture
