#include "codec/av1.hpp"

#include <algorithm>
#include <utility>

namespace rtpx {
namespace {

// Room kept before each OBU for its size field: two bytes fit nearly all, so that nothing has to move.
constexpr std::size_t kSizeRoom = 2;

struct AggregationHeader {
  bool continues = false;     // Z
  bool continued = false;     // Y
  unsigned elements = 0;      // W; 0: each has a length
  bool new_sequence = false;  // N
};
AggregationHeader aggregation_header(std::byte byte) noexcept {
  const auto head = static_cast<std::uint8_t>(byte);
  return {(head & 0x80U) != 0, (head & 0x40U) != 0, head >> 4 & 3U, (head & 0x08U) != 0};
}

// The next OBU element, section 4.3. nullopt: its length is cut or goes beyond the packet.
std::optional<Bytes> next_element(Bytes& rest, bool has_length) noexcept {
  if (!has_length) return std::exchange(rest, {});
  const auto length = parse_leb128(rest);
  if (!length || length->value > rest.size() - length->size) return std::nullopt;
  const Bytes element = rest.subspan(length->size, length->value);
  rest = rest.subspan(length->size + length->value);
  return element;
}

std::size_t write_leb128(std::byte* to, std::size_t value) noexcept {
  std::size_t size = 0;
  do {
    to[size++] = static_cast<std::byte>((value & 0x7FU) | (value > 0x7F ? 0x80U : 0U));
    value >>= 7;
  } while (value != 0);
  return size;
}

}  // namespace

Av1Depacketizer::Start Av1Depacketizer::inspect(const MediaPacket& packet) {
  descriptor_.reset();
  if (packet.dependency_descriptor) descriptor_ = descriptors_.read(*packet.dependency_descriptor);
  if (packet.payload.size() < 2) return Start::malformed;
  const AggregationHeader head = aggregation_header(packet.payload[0]);
  if (head.continues) return Start::no;
  if (head.new_sequence) return Start::yes;
  if (descriptor_ && !descriptor_->starts_frame) return Start::no;
  if (descriptor_ && descriptor_->spatial_layer == 0) return Start::yes;
  return start_of_first_obu(packet.payload);
}

Av1Depacketizer::Start Av1Depacketizer::start_of_first_obu(Bytes payload) const {
  Bytes rest = payload.subspan(1);
  const auto element = next_element(rest, aggregation_header(payload[0]).elements != 1);
  const auto header = element ? parse_obu_header(*element) : std::nullopt;
  if (!header) return Start::malformed;
  if (header->type == ObuType::temporal_delimiter || header->type == ObuType::sequence_header)
    return Start::yes;
  const bool frame = header->type == ObuType::frame || header->type == ObuType::frame_header;
  return frame && one_frame_a_unit_ ? Start::yes : Start::unknown;
}

void Av1Depacketizer::begin() {
  obu_at_ = kNone;
  unit_ = {};
  references_.begin_unit(descriptor_.has_value());
}

bool Av1Depacketizer::add(const MediaPacket& packet) {
  const AggregationHeader head = aggregation_header(packet.payload[0]);
  if (head.continues != obu_open()) return false;
  if (descriptor_ && descriptor_->starts_frame) references_.frame(*descriptor_);
  Bytes rest = packet.payload.subspan(1);
  for (unsigned i = 1; !rest.empty() || i == 1; ++i) {
    const auto element = next_element(rest, head.elements == 0 || i < head.elements);
    if (!element || (head.elements != 0 && i > head.elements)) return false;
    if (!(obu_open() ? append(*element) : begin_obu(*element))) return false;
    const bool last = rest.empty();
    if (!(last && head.continued) && !end_obu()) return false;
  }
  return true;
}

bool Av1Depacketizer::begin_obu(Bytes data) {
  obu_at_ = buffer().size();
  constexpr std::array<std::byte, kSizeRoom> kRoom{};
  return append(kRoom) && append(data);
}

// Turns the OBU as it came into one with a size field, in place: header | size | payload.
bool Av1Depacketizer::end_obu() {
  const std::size_t at = std::exchange(obu_at_, kNone);
  const Bytes raw = Bytes(buffer()).subspan(at + kSizeRoom);
  if (raw.empty()) {
    buffer().resize(at);
    return true;
  }
  const auto header = parse_obu_header(raw);
  if (!header) return false;
  Bytes payload = raw.subspan(header->size);
  if (header->has_size) {
    const auto size = parse_leb128(payload);
    if (!size || size->value > payload.size() - size->size) return false;
    payload = payload.subspan(size->size, size->value);
  }
  std::array<std::byte, 8> field{};
  const std::size_t field_size = write_leb128(field.data(), payload.size());
  const std::size_t payload_size = payload.size();
  const std::size_t from = static_cast<std::size_t>(payload.data() - buffer().data());
  const std::size_t to = at + header->size + field_size;
  const std::array<std::byte, 2> head{raw[0] | std::byte{0x02}, header->size > 1 ? raw[1] : std::byte{0}};
  if (from != to) {
    buffer().resize(std::max(buffer().size(), to + payload_size));
    std::memmove(buffer().data() + to, buffer().data() + from, payload_size);
  }
  std::copy_n(head.begin(), header->size, buffer().begin() + static_cast<std::ptrdiff_t>(at));
  std::copy_n(field.begin(), field_size, buffer().begin() + static_cast<std::ptrdiff_t>(at + header->size));
  buffer().resize(to + payload_size);
  const Bytes whole = Bytes(buffer()).subspan(at);
  if (!take_obu(*header, whole.last(payload_size), whole)) buffer().resize(at);
  return true;
}

// False: the OBU is not for the container.
bool Av1Depacketizer::take_obu(const ObuHeader& header, Bytes payload, Bytes whole) {
  switch (header.type) {
    case ObuType::temporal_delimiter:
    case ObuType::tile_list:
    case ObuType::padding:
      return false;
    case ObuType::sequence_header:
      if (const auto sequence = parse_av1_sequence(payload)) {
        sequence_ = sequence;
        sequence_obu_.assign(whole.begin(), whole.end());
        unit_.has_sequence = true;
      }
      return true;
    default:
      break;
  }
  if (header.has_extension && (header.spatial_layer > options().max_spatial_layer.value_or(3) ||
                               header.temporal_layer > options().max_temporal_layer.value_or(7))) {
    unit_.layer_dropped = true;
    return false;
  }
  unit_.temporal_layer = std::max(unit_.temporal_layer, header.temporal_layer);
  unit_.spatial_layer = std::max(unit_.spatial_layer, header.spatial_layer);
  if (header.type != ObuType::frame && header.type != ObuType::frame_header) return true;
  ++unit_.frames;
  const auto frame = sequence_ ? parse_av1_frame_header(payload, *sequence_) : std::nullopt;
  if (frame && frame->keyframe && frame->shown) {
    unit_.keyframe = true;
    unit_.width = frame->width;
    unit_.height = frame->height;
  }
  return true;
}

void Av1Depacketizer::finish() {
  if (obu_open()) {  // Y in the last packet: the rest never came
    drop(Dropped::Reason::malformed, "the last OBU of the unit is cut");
    broken();
    return;
  }
  if (unit_.frames > 1) one_frame_a_unit_ = false;
  if (unit_.frames == 0 || buffer().empty()) {
    if (unit_.layer_dropped) drop(Dropped::Reason::layer, "layer not wanted");
    return;
  }
  if (sequence_ && unit_.spatial_layer < sequence_->top_spatial_layer) raise_layer();
  Frame frame;
  frame.kind = unit_.keyframe && unit_.has_sequence ? FrameKind::key : FrameKind::delta;
  frame.reference_lost = reference_lost();
  frame.temporal_layer = unit_.temporal_layer;
  frame.spatial_layer = unit_.spatial_layer;
  frame.data = buffer();
  if (frame.kind == FrameKind::key) {
    set_config(make_config());
  }
  deliver(frame);
}

// Decoders wait for a picture of the top layer (dav1d with frame threads shows none until one comes), which
// the sender may have paused or an option taken out: the highest one that is there takes its number. No
// decoding process depends on it.
void Av1Depacketizer::raise_layer() {
  for (std::size_t at = 0; at < buffer().size();) {
    const Bytes rest = Bytes(buffer()).subspan(at);
    const auto header = parse_obu_header(rest);
    const auto size = header ? parse_leb128(rest.subspan(header->size)) : std::nullopt;
    if (!size) return;
    if (header->has_extension && header->spatial_layer == unit_.spatial_layer) {
      std::byte& extension = buffer()[at + 1];
      extension = (extension & std::byte{0xE7}) | static_cast<std::byte>(sequence_->top_spatial_layer << 3);
    }
    at += header->size + size->size + size->value;
  }
}

// The sequence header tells the size of the largest layer, which may have been taken out.
StreamConfig Av1Depacketizer::make_config() const {
  StreamConfig out;
  out.width = sequence_->width;
  out.height = sequence_->height;
  out.codec_private = make_av1c(*sequence_, sequence_obu_);
  if (sequence_->top_spatial_layer > 0 && !options().max_spatial_layer) return out;
  if (unit_.frames == 1 && unit_.width > 0) {
    out.width = unit_.width;
    out.height = unit_.height;
  } else if (const auto layer = descriptors_.resolution(unit_.spatial_layer)) {
    out.width = layer->width;
    out.height = layer->height;
  }
  return out;
}

void Av1Depacketizer::lost(std::int64_t) {
  damaged_ = true;
}

void Av1Depacketizer::restart() {
  damaged_ = true;
  descriptors_.reset();
  references_.reset();
}

// After a loss, dependency descriptors tell exactly what it damages; without them, everything up to the next
// keyframe.
bool Av1Depacketizer::reference_lost() {
  if (unit_.keyframe && unit_.has_sequence) damaged_ = false;
  const bool lost = damaged_ && references_.missing().value_or(true);
  references_.settle(!lost);
  return lost;
}

}  // namespace rtpx
