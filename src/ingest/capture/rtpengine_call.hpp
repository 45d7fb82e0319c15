#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/sdp/sdp.hpp"
#include "rtpx/result.hpp"

namespace rtpx::capture {

/// What rtpengine (recording-method=pcap) keeps of a call beside its capture.
struct RtpengineCall {
  std::filesystem::path capture;  ///< as written: perhaps of another machine
  sdp::Session session;           ///< the media sections of all offers and answers, each once
};

/// Reads such a metadata file: the capture's path, then a session description after each "SDP mode:".
/// nullopt: it is none, or names no capture. What is no session description in it is passed over. rtpengine
/// writes packets as they are after decryption, so the sections say RTP/AVP and hold no keys.
[[nodiscard]] std::optional<RtpengineCall> parse_rtpengine(std::string_view text);

/// As parse_rtpengine(), of a file; `capture` is where the capture lies: where the file says, else in pcaps/
/// or pcap/ beside the file's folder, else beside the file. nullopt: another kind of file. Errors: not_found
/// (the capture).
[[nodiscard]] Result<std::optional<RtpengineCall>> read_rtpengine(const std::filesystem::path& file);

}  // namespace rtpx::capture
