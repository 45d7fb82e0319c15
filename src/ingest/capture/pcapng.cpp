// pcapng, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html
#include <algorithm>
#include <vector>

#include "ingest/capture/network.hpp"
#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0A0D0D0A, kByteOrder = 0x1A2B3C4D;
constexpr std::uint32_t kInterface = 1, kObsoletePacket = 2, kSimplePacket = 3, kEnhancedPacket = 6,
                        kDecryptionSecrets = 10;
constexpr std::uint32_t kTlsKeyLog = 0x544C534B;
constexpr std::size_t kMaxKeyLog = 1U << 20;
constexpr std::uint16_t kOptionEnd = 0, kOptionResolution = 9, kOptionOffset = 14;
constexpr std::size_t kBlockHeader = 8, kBlockFrame = 12;
constexpr std::size_t kMaxInterfaces = 4096;

struct Interface {
  std::uint32_t link_type = 0;
  std::uint32_t snap_length = 0;
  bool binary = false;        // the unit is 2^-exponent instead of 10^-exponent seconds
  std::uint8_t exponent = 6;  // if_tsresol
  std::int64_t offset_s = 0;  // if_tsoffset

  [[nodiscard]] std::chrono::nanoseconds time(std::uint64_t ticks) const {
    __extension__ using Wide = unsigned __int128;
    Wide ns = Wide{ticks} * 1'000'000'000U;
    if (binary) {
      ns >>= exponent;
    } else {
      for (unsigned i = 0; i < exponent && ns != 0; ++i) ns /= 10;
    }
    const Wide limit = INT64_MAX / 2;
    const auto bounded = static_cast<std::int64_t>(std::min(ns, limit));
    const std::int64_t seconds = std::clamp<std::int64_t>(offset_s, -4'000'000'000, 4'000'000'000);
    return std::chrono::nanoseconds(bounded) + std::chrono::seconds(seconds);
  }
};

/// Reads integers in the section's byte order, as ByteReader does in network order.
class Fields {
 public:
  Fields(Bytes bytes, bool little) : in_(bytes), little_(little) {}
  std::uint16_t u16() { return little_ ? __builtin_bswap16(in_.u16()) : in_.u16(); }
  std::uint32_t u32() { return little_ ? __builtin_bswap32(in_.u32()) : in_.u32(); }
  std::uint64_t u64() { return little_ ? __builtin_bswap64(in_.u64()) : in_.u64(); }
  Bytes take(std::size_t count) { return in_.take(count); }
  [[nodiscard]] std::size_t remaining() const { return in_.remaining(); }
  [[nodiscard]] bool ok() const { return in_.ok(); }

 private:
  ByteReader in_;
  bool little_;
};

class PcapngReader final : public Reader {
 public:
  PcapngReader(Input input, const LinkTypes& user) : input_(std::move(input)), network_(user) {}

  Result<std::optional<Datagram>> next() override {
    while (counts_.damage.empty()) {
      const std::uint64_t start = input_.offset();
      const Bytes header = input_.peek(kBlockFrame);
      if (header.size() < kBlockFrame) {
        if (input_.error()) return std::unexpected(*input_.error());
        if (!header.empty()) counts_.damage = torn_at(start);
        break;
      }
      if (load_be<std::uint32_t>(header.data()) == kSectionHeader) start_section(header);
      Fields head(header, little_);
      const std::uint32_t type = head.u32();
      const std::uint32_t length = head.u32();
      if (length < kBlockFrame || length % 4 != 0) {
        counts_.damage = "the block at byte " + std::to_string(start) + " has the impossible length " +
                         std::to_string(length) + "; nothing after it can be read";
        break;
      }
      if (length > Input::kMaxPeek) {  // no packet is that large
        input_.skip(length);
        continue;
      }
      const Bytes block = input_.take(length);
      if (block.size() < length) {
        if (input_.error()) return std::unexpected(*input_.error());
        counts_.damage = torn_at(start);
        break;
      }
      const Bytes body = block.subspan(kBlockHeader, length - kBlockFrame);
      if (auto datagram = read_block(type, body)) return datagram;
    }
    return std::nullopt;
  }

  [[nodiscard]] Format format() const noexcept override { return Format::pcapng; }
  [[nodiscard]] std::string_view key_log() const noexcept override { return key_log_; }

 private:
  /// Section 4.1: a new section has a byte order and interfaces of its own.
  void start_section(Bytes header) {
    little_ = load_be<std::uint32_t>(&header[kBlockHeader]) != kByteOrder;
    interfaces_.clear();
  }

  std::optional<Datagram> read_block(std::uint32_t type, Bytes body) {
    switch (type) {
      case kInterface:
        add_interface(body);
        return std::nullopt;
      case kEnhancedPacket:
      case kObsoletePacket:
        return read_packet(type, body);
      case kSimplePacket:
        return read_simple(body);
      case kDecryptionSecrets:
        add_secrets(body);
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  /// Section 4.2.
  void add_interface(Bytes body) {
    Fields in(body, little_);
    Interface out;
    out.link_type = in.u16();
    in.u16();
    out.snap_length = in.u32();
    while (in.ok() && in.remaining() >= 4) {
      const std::uint16_t code = in.u16();
      const std::uint16_t length = in.u16();
      const Bytes value = in.take(length);
      in.take((4 - length % 4) % 4);
      if (code == kOptionEnd) break;
      if (code == kOptionResolution && !value.empty()) {
        out.binary = (static_cast<std::uint8_t>(value[0]) & 0x80U) != 0;
        out.exponent = static_cast<std::uint8_t>(value[0]) & 0x7FU;
      }
      if (code == kOptionOffset && value.size() >= 8)
        out.offset_s = static_cast<std::int64_t>(Fields(value, little_).u64());
    }
    if (interfaces_.size() < kMaxInterfaces) interfaces_.push_back(out);
  }

  /// Section 4.7.
  void add_secrets(Bytes body) {
    Fields in(body, little_);
    const std::uint32_t type = in.u32();
    const Bytes secrets = in.take(in.u32());
    if (in.ok() && type == kTlsKeyLog && key_log_.size() + secrets.size() < kMaxKeyLog)
      key_log_.append(as_text(secrets)).append("\n");
  }

  /// Section 4.3, and the obsolete block of appendix A.
  std::optional<Datagram> read_packet(std::uint32_t type, Bytes body) {
    Fields in(body, little_);
    const std::uint32_t interface = type == kEnhancedPacket ? in.u32() : in.u16();
    if (type == kObsoletePacket) in.u16();  // drops count
    const std::uint64_t high = in.u32();
    const std::uint64_t ticks = high << 32 | in.u32();
    const std::uint32_t captured = in.u32();
    in.u32();  // original length: the IP headers say as much
    const Bytes frame = in.take(captured);
    ++counts_.records;
    if (!in.ok() || interface >= interfaces_.size()) {
      ++counts_.not_udp;
      return std::nullopt;
    }
    auto datagram = unwrap(interfaces_[interface], frame);
    if (datagram) datagram->time = interfaces_[interface].time(ticks);
    return datagram;
  }

  /// Section 4.4: the first interface's, without a time. It takes the last one seen.
  std::optional<Datagram> read_simple(Bytes body) {
    Fields in(body, little_);
    const std::uint32_t original = in.u32();
    ++counts_.records;
    if (!in.ok() || interfaces_.empty()) {
      ++counts_.not_udp;
      return std::nullopt;
    }
    const std::uint32_t snap = interfaces_[0].snap_length == 0 ? UINT32_MAX : interfaces_[0].snap_length;
    return unwrap(interfaces_[0],
                  in.take(std::min({std::size_t{original}, std::size_t{snap}, in.remaining()})));
  }

  std::optional<Datagram> unwrap(const Interface& interface, Bytes frame) {
    auto unwrapped = network_.unwrap(interface.link_type, frame);
    counts_.lost_fragments = network_.lost_fragments();
    count(unwrapped, false, frame.size(), counts_);
    return unwrapped.kind == Network::Kind::udp ? std::optional(unwrapped.datagram) : std::nullopt;
  }

  Input input_;
  bool little_ = true;
  std::vector<Interface> interfaces_;
  std::string key_log_;
  Network network_;
};

}  // namespace

bool looks_like_pcapng(Bytes front) noexcept {
  if (front.size() < kBlockFrame || load_be<std::uint32_t>(front.data()) != kSectionHeader) return false;
  const auto order = load_be<std::uint32_t>(&front[kBlockHeader]);
  return order == kByteOrder || order == __builtin_bswap32(kByteOrder);
}

Result<std::unique_ptr<Reader>> make_pcapng_reader(Input input, const LinkTypes& user) {
  return std::make_unique<PcapngReader>(std::move(input), user);
}

}  // namespace rtpx::capture
