#include "ingest/framed/frame_parser.hpp"

#include <string>

namespace rtpx {
namespace {

constexpr std::size_t kFrameLengthBytes = 4;

InputFrame parse_frame(Bytes content) {
  InputFrame frame;
  ByteReader in(content);
  switch (in.u8()) {
    case 'T':
      frame.kind = InputFrame::Kind::tracks;
      break;
    case 'P':
      frame.kind = InputFrame::Kind::rtp;
      frame.track = in.u16();
      frame.rid_index = in.u8();
      frame.arrival_ns = in.u64();
      break;
    case 'C':
      frame.kind = InputFrame::Kind::rtcp;
      frame.track = in.u16();
      frame.arrival_ns = in.u64();
      break;
    case 'E':
      frame.kind = InputFrame::Kind::end;
      frame.track = in.u16();
      break;
    default:
      break;
  }
  frame.body = in.rest();
  if (!in.ok()) frame.kind = InputFrame::Kind::malformed;
  return frame;
}

}  // namespace

void FrameParser::feed(Bytes bytes) {
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
  offset_ += at_;
  at_ = 0;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

Result<std::optional<InputFrame>> FrameParser::next() {
  if (unfinished() < kFrameLengthBytes) return std::nullopt;
  const std::size_t length = load_be<std::uint32_t>(buffer_.data() + at_);
  if (length > kMostFrameBytes)
    return fail(Errc::malformed, "The frame at byte " + std::to_string(offset_ + at_) + " of the input would have " +
                                     std::to_string(length) + " bytes, and 1 MiB is the most.");
  if (unfinished() - kFrameLengthBytes < length) return std::nullopt;
  const InputFrame frame = parse_frame(Bytes(buffer_).subspan(at_ + kFrameLengthBytes, length));
  at_ += kFrameLengthBytes + length;
  return frame;
}

}  // namespace rtpx
