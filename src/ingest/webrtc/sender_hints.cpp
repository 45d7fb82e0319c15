#include "ingest/webrtc/sender_hints.hpp"

#include <array>

namespace rtpx {
namespace {

struct Sender {
  std::string_view user_agent;  // part of it
  std::string_view codecs;      // how it is told to send what can be recorded
};

constexpr std::array kSenders = {
    Sender{"Lavf/", "With FFmpeg: -c:v libx264 -c:a libopus -ar 48000 -ac 2."},
    Sender{"OBS-Studio",
           "In OBS: Settings, Output, an H.264, HEVC or AV1 video encoder, and Opus for sound."},
    Sender{"GStreamer", "With GStreamer's whipclientsink: video-caps=video/x-vp8 audio-caps=audio/x-opus."},
};

}  // namespace

std::string sender_hint(std::string_view user_agent, const Error& error) {
  if (error.code != Errc::unsupported) return {};
  for (const Sender& sender : kSenders)
    if (user_agent.find(sender.user_agent) != std::string_view::npos) return std::string(sender.codecs);
  return {};
}

}  // namespace rtpx
