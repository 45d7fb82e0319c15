// Packets one after the other, each after its length in 16 bits (RFC 4571 section 2). The format keeps no
// times.
#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::size_t kLength = 2, kShortest = 8;

bool version_2(std::byte first) {
  return static_cast<std::uint8_t>(first) >> 6 == 2;
}

class Rfc4571Reader final : public Reader {
 public:
  explicit Rfc4571Reader(Input input) : input_(std::move(input)) {}

  Result<std::optional<Datagram>> next() override {
    const std::uint64_t offset = input_.offset();
    const Bytes head = input_.take(kLength);
    const std::size_t length = head.size() < kLength ? 0 : load_be<std::uint16_t>(head.data());
    const bool torn_head = head.size() == 1;
    const bool ended = head.empty();
    const Bytes packet = input_.take(length);
    if (input_.error()) return std::unexpected(*input_.error());
    if (ended) return std::nullopt;
    if (torn_head || packet.size() < length) {
      counts_.damage = torn_at(offset);
      return std::nullopt;
    }
    ++counts_.records;
    ++counts_.datagrams;
    return Datagram{.payload = packet};
  }

  [[nodiscard]] Format format() const noexcept override { return Format::rfc4571; }
  [[nodiscard]] bool wall_clock() const noexcept override { return false; }

 private:
  Input input_;
};

}  // namespace

/// No magic number: the first three packets, or all that fit, must have a length and RTP's version.
bool looks_like_rfc4571(Bytes front) noexcept {
  ByteReader in(front);
  int packets = 0;
  while (packets < 3 && in.remaining() >= kLength) {
    const std::size_t length = in.u16();
    const Bytes packet = in.take(length);
    if (length < kShortest || (in.ok() && !version_2(packet[0]))) return false;
    if (!in.ok()) return packets > 0;
    ++packets;
  }
  return packets > 0;
}

Result<std::unique_ptr<Reader>> make_rfc4571_reader(Input input, const LinkTypes&) {
  return std::make_unique<Rfc4571Reader>(std::move(input));
}

}  // namespace rtpx::capture
