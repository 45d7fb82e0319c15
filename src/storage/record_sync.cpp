#include "storage/record_sync.hpp"

namespace rtpx {

bool RecordSync::looks_right(Bytes packet) const noexcept {
  const bool rtcp = content_ == RecordReader::Content::rtcp;
  if (packet.size() < (rtcp ? 8U : 12U) || static_cast<std::uint8_t>(packet[0]) >> 6 != 2) return false;
  const auto type = static_cast<std::uint8_t>(packet[1]);
  return !rtcp || (type >= 192 && type <= 223);
}

bool RecordSync::known_source(Bytes packet) const noexcept {
  const auto end = ssrcs_.begin() + static_cast<std::ptrdiff_t>(known_ssrcs_);
  return packet.size() >= 12 && std::find(ssrcs_.begin(), end, ssrc_of(packet)) != end;
}

std::optional<std::size_t> RecordSync::hidden(Bytes record) const noexcept {
  for (std::size_t from = RecordHeader::kBytes; from + RecordHeader::kBytes < record.size(); ++from) {
    Bytes bytes = record.subspan(from);
    std::optional<std::int64_t> time = last_time_;
    bool known = false;
    while (bytes.size() >= RecordHeader::kBytes) {
      const RecordHeader header = load_record_header(bytes.data());
      if (!possible(header) || (time && !times_fit(*time, header.receive_time_ms))) break;
      bytes = bytes.subspan(RecordHeader::kBytes);
      if (bytes.size() < header.size || !looks_right(bytes.first(header.size))) break;
      known = known || known_source(bytes.first(header.size));
      bytes = bytes.subspan(header.size);
      time = header.receive_time_ms;
      if (bytes.empty() && known) return from;
    }
  }
  return std::nullopt;
}

/// `length` records follow each other from the front of `bytes`, or reach the end of the file before.
bool RecordSync::chain(Bytes bytes, bool to_end, int length) const noexcept {
  std::optional<std::int64_t> time;
  for (; length > 0; --length) {
    if (bytes.size() < RecordHeader::kBytes) return to_end;  // whole to here, or a torn header
    const RecordHeader header = load_record_header(bytes.data());
    if (!possible(header) || (time && !times_fit(*time, header.receive_time_ms))) return false;
    bytes = bytes.subspan(RecordHeader::kBytes);
    if (bytes.size() < header.size) return to_end;  // torn
    if (!looks_right(bytes.first(header.size)) && header.size != 0) return false;
    bytes = bytes.subspan(header.size);
    time = header.receive_time_ms;
  }
  return true;
}

RecordSync::Evidence RecordSync::evidence(Bytes bytes, bool to_end) const noexcept {
  if (bytes.size() < RecordHeader::kBytes) return Evidence::none;
  const RecordHeader header = load_record_header(bytes.data());
  if (!possible(header) || bytes.size() - RecordHeader::kBytes < header.size) return Evidence::none;
  const Bytes packet = bytes.subspan(RecordHeader::kBytes, header.size);
  if (!looks_right(packet)) return Evidence::none;
  if (last_time_ && times_fit(*last_time_, header.receive_time_ms)) {
    if (chain(bytes, to_end, 2)) return Evidence::strong;
    // Alone between two damaged stretches: its time fits, and it is of the stream that was being read.
    if (known_source(packet)) return Evidence::strong;
  }
  return chain(bytes, to_end, 3) ? Evidence::weak : Evidence::none;
}

}  // namespace rtpx
