#include "codec/nal.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "codec/fmtp.hpp"

namespace rtpx {

std::vector<std::byte> unescape_nal(Bytes nal, std::size_t limit) {
  std::vector<std::byte> out;
  out.reserve(std::min(nal.size(), limit));
  int zeros = 0;
  for (const std::byte b : nal) {
    if (out.size() == limit) break;
    if (zeros >= 2 && b == std::byte{3}) {
      zeros = 0;
      continue;
    }
    zeros = b == std::byte{0} ? zeros + 1 : 0;
    out.push_back(b);
  }
  return out;
}

std::optional<std::vector<std::byte>> recovery_point_message(Bytes nal, std::size_t header_size) {
  constexpr std::uint32_t kRecoveryPoint = 6;
  const auto rbsp = unescape_nal(nal);
  ByteReader in(Bytes(rbsp).subspan(std::min(header_size, rbsp.size())));
  while (in.ok() && in.remaining() > 2) {  // H.264 section 7.3.2.3.1, H.265 section 7.3.5
    std::uint32_t type = 0, size = 0;
    std::uint8_t byte = 0;
    do type += byte = in.u8();
    while (byte == 0xFF && in.ok());
    do size += byte = in.u8();
    while (byte == 0xFF && in.ok());
    const Bytes payload = in.take(size);
    if (type == kRecoveryPoint && in.ok()) return std::vector(payload.begin(), payload.end());
  }
  return std::nullopt;
}

std::vector<Bytes> annexb_units(Bytes stream) {
  std::vector<Bytes> units;
  std::size_t begin = 0, zeros = 0;
  bool open = false;
  const auto end_unit = [&](std::size_t end) {
    if (open && end > begin) units.push_back(stream.subspan(begin, end - begin));
  };
  for (std::size_t i = 0; i < stream.size(); ++i) {
    if (stream[i] == std::byte{0}) {
      ++zeros;
      continue;
    }
    if (stream[i] == std::byte{1} && zeros >= 2) {
      end_unit(i - zeros);
      begin = i + 1;
      open = true;
    }
    zeros = 0;
  }
  end_unit(stream.size());
  return units;
}

NalHead::NalHead(Bytes nal) noexcept {
  int zeros = 0;
  for (const std::byte b : nal) {
    if (size_ == bytes_.size()) return;
    if (zeros >= 2 && b == std::byte{3}) {
      zeros = 0;
      continue;
    }
    zeros = b == std::byte{0} ? zeros + 1 : 0;
    bytes_[size_++] = b;
  }
}

namespace {

int base64_value(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::vector<std::byte>> decode_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  std::vector<std::byte> out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<std::byte>(bits >> count));
  }
  return out;
}

}  // namespace

std::vector<std::vector<std::byte>> decode_sprop(std::string_view list) {
  std::vector<std::vector<std::byte>> out;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view entry = list.substr(0, end);
    while (!entry.empty() && entry.front() == ' ') entry.remove_prefix(1);
    while (!entry.empty() && entry.back() == ' ') entry.remove_suffix(1);
    auto nal = decode_base64(entry);
    if (nal && !nal->empty()) out.push_back(std::move(*nal));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

std::vector<std::vector<std::byte>> sprop_parameter_sets(const Codec& codec) {
  std::vector<std::vector<std::byte>> out;
  for (const std::string_view name : {"sprop-parameter-sets", "sprop-vps", "sprop-sps", "sprop-pps"})
    for (auto& nal : decode_sprop(fmtp_parameter(codec, name).value_or(""))) out.push_back(std::move(nal));
  return out;
}

void ParameterSets::store(std::uint8_t kind, std::uint32_t id, Bytes nal) {
  const auto at = std::ranges::lower_bound(entries_, std::tuple(kind, id), {},
                                           [](const Entry& e) { return std::tuple(e.kind, e.id); });
  const bool known = at != entries_.end() && at->kind == kind && at->id == id;
  if (known && std::ranges::equal(at->nal, nal)) return;
  if (known)
    at->nal.assign(nal.begin(), nal.end());
  else
    entries_.insert(at, Entry{kind, id, {nal.begin(), nal.end()}});
  ++revision_;
}

const ParameterSets::Entry* ParameterSets::find(std::uint8_t kind, std::uint32_t id) const noexcept {
  const auto at =
      std::ranges::find_if(entries_, [&](const Entry& e) { return e.kind == kind && e.id == id; });
  return at == entries_.end() ? nullptr : &*at;
}

void NalDepacketizer::begin() {
  nal_at_ = kNone;
  sealed_ = options().transform != nullptr;
}

bool NalDepacketizer::add_nal(Bytes nal) {
  return !nal.empty() && begin_fragment(nal, {}) && end_fragment();
}

bool NalDepacketizer::begin_fragment(Bytes nal_header, Bytes data) {
  if (fragment_open() && !end_fragment()) return false;  // its end bit was forgotten: nothing is missing
  nal_at_ = buffer().size();
  constexpr std::array<std::byte, 4> kLength{};
  return append(kLength) && append(nal_header) && append(data);
}

bool NalDepacketizer::add_fragment(Bytes data) {
  return fragment_open() && append(data);
}

bool NalDepacketizer::end_fragment() {
  const std::size_t at = std::exchange(nal_at_, kNone);
  const Bytes nal = Bytes(buffer()).subspan(at + 4);
  store_be(buffer().data() + at, static_cast<std::uint32_t>(nal.size()));
  if (!sealed_ && !take_nal(nal)) buffer().resize(at);
  return true;
}

bool NalDepacketizer::add_aggregate(Bytes units) {
  ByteReader in(units);
  do {
    const std::size_t size = in.u16();
    const Bytes nal = in.take(size);
    if (!in.ok() || !add_nal(nal)) return false;
  } while (!in.empty());
  return true;
}

void NalDepacketizer::finish() {
  if (fragment_open()) (void)end_fragment();
  if (sealed_ && !transform_unit()) {
    broken();
    return;
  }
  finish_sample();
}

// False: the access unit has been dropped.
bool NalDepacketizer::transform_unit() {
  sealed_ = false;
  const std::vector<std::byte> sealed = std::move(buffer());
  buffer().clear();
  std::vector<std::byte> stream = sealed;
  std::vector<Bytes> units;
  for (std::size_t at = 0; at < sealed.size();) {  // as add_nal() wrote them
    const auto size = load_be<std::uint32_t>(sealed.data() + at);
    store_be<std::uint32_t>(stream.data() + at, 1);
    units.push_back(Bytes(sealed).subspan(at + 4, size));
    at += 4 + size;
  }
  const auto outcome = transform(stream);
  if (outcome == FrameTransform::Outcome::refused) return false;
  if (outcome == FrameTransform::Outcome::changed) units = annexb_units(stream);
  for (const Bytes unit : units)
    if (!add_nal(unit)) {
      drop(Dropped::Reason::malformed, "malformed payload");
      return false;
    }
  return true;
}

void NalDepacketizer::deliver_sample(Frame frame) {
  const std::uint64_t revision = sets_.revision();
  const bool key = frame.kind == FrameKind::key;
  if (first_ && key) {
    first_ = false;
    header_revision_ = delivered_revision_ = revision;
  }
  if (!first_) {
    const bool changed = revision != delivered_revision_;
    if (key || changed) set_config(make_config());
    if (changed || (key && (options().sets_in_band || revision != header_revision_))) put_sets_in_band();
    delivered_revision_ = revision;
  }
  frame.data = buffer();
  deliver(frame);
}

void NalDepacketizer::put_sets_in_band() {
  std::vector<std::byte> sets;
  for (const ParameterSets::Entry& entry : sets_.entries()) {
    const std::size_t at = sets.size();
    sets.resize(at + 4 + entry.nal.size());
    store_be(&sets[at], static_cast<std::uint32_t>(entry.nal.size()));
    std::ranges::copy(entry.nal, sets.begin() + static_cast<std::ptrdiff_t>(at) + 4);
  }
  buffer().insert(buffer().begin(), sets.begin(), sets.end());
}

}  // namespace rtpx
