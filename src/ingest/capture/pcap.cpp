// pcap, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html
#include "ingest/capture/network.hpp"
#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::size_t kFileHeader = 24, kRecordHeader = 16;
constexpr std::size_t kModifiedHeader = 24;  // of a record: interface, protocol and type of the packet behind the rest
constexpr std::uint32_t kMicroseconds = 0xA1B2C3D4, kNanoseconds = 0xA1B23C4D;
constexpr std::uint32_t kModified = 0xA1B2CD34;  // of a patched libpcap, microseconds
constexpr std::uint32_t kMaxFrame = 256U << 10;  // libpcap's largest snap length

std::uint32_t load(const std::byte* from, bool little) {
  const auto value = load_be<std::uint32_t>(from);
  return little ? __builtin_bswap32(value) : value;
}

class PcapReader final : public Reader {
 public:
  PcapReader(Input input, bool little, std::uint32_t magic, std::uint32_t link_type, const LinkTypes& user)
      : input_(std::move(input)),
        little_(little),
        nanoseconds_(magic == kNanoseconds),
        record_header_(magic == kModified ? kModifiedHeader : kRecordHeader),
        link_type_(link_type),
        network_(user) {}

  Result<std::optional<Datagram>> next() override {
    while (counts_.damage.empty()) {
      const std::uint64_t start = input_.offset();
      const Bytes header = input_.take(record_header_);
      if (header.size() < record_header_) {
        if (input_.error()) return std::unexpected(*input_.error());
        if (!header.empty()) counts_.damage = torn_at(start);
        break;
      }
      const std::chrono::seconds seconds(load(&header[0], little_));
      const std::uint32_t fraction = load(&header[4], little_);
      const std::uint32_t captured = load(&header[8], little_);
      const std::uint32_t original = load(&header[12], little_);
      if (captured > kMaxFrame) {
        counts_.damage = "the record at byte " + std::to_string(start) + " claims " +
                         std::to_string(captured) +
                         " bytes, which no capture has; nothing after it can be read";
        break;
      }
      const Bytes frame = input_.take(captured);
      if (frame.size() < captured) {
        if (input_.error()) return std::unexpected(*input_.error());
        counts_.damage = torn_at(start);
        break;
      }
      ++counts_.records;
      if (auto datagram = unwrap(frame, captured < original)) {
        datagram->time =
            seconds + std::chrono::nanoseconds(std::int64_t{fraction} * (nanoseconds_ ? 1 : 1000));
        return datagram;
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] Format format() const noexcept override { return Format::pcap; }

 private:
  std::optional<Datagram> unwrap(Bytes frame, bool snapped) {
    auto unwrapped = network_.unwrap(link_type_, frame);
    counts_.lost_fragments = network_.lost_fragments();
    count(unwrapped, snapped, frame.size(), counts_);
    return unwrapped.kind == Network::Kind::udp ? std::optional(unwrapped.datagram) : std::nullopt;
  }

  Input input_;
  bool little_, nanoseconds_;
  std::size_t record_header_;
  std::uint32_t link_type_;
  Network network_;
};

}  // namespace

bool looks_like_pcap(Bytes front) noexcept {
  if (front.size() < kFileHeader) return false;
  for (const bool little : {false, true}) {
    const std::uint32_t magic = load(front.data(), little);
    if (magic == kMicroseconds || magic == kNanoseconds || magic == kModified) return true;
  }
  return false;
}

Result<std::unique_ptr<Reader>> make_pcap_reader(Input input, const LinkTypes& user) {
  const Bytes header = input.take(kFileHeader);
  const std::uint32_t as_is = load(header.data(), false);
  const bool little = as_is != kMicroseconds && as_is != kNanoseconds && as_is != kModified;
  const std::uint32_t link_type =
      load(&header[20], little) & 0xFFFFU;  // above: length of the frame check sequence
  if (!known_link_type(link_type) && !user.contains(link_type))
    return fail(Errc::unsupported,
                "captures of " + name_of_link_type(link_type) + " are not known" +
                    (is_user_link_type(link_type) ? "; --link-type tells what it is" : ""));
  return std::make_unique<PcapReader>(std::move(input), little, load(header.data(), little), link_type, user);
}

}  // namespace rtpx::capture
