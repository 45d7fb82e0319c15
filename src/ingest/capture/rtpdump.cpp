// rtpdump files of rtptools, https://github.com/irtlab/rtptools/blob/master/rtpdump.h: a line of text, a
// header with the start time, and records with the packet and its time in ms since the start.
#include <arpa/inet.h>

#include <algorithm>

#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

constexpr std::string_view kMagic = "#!rtpplay1.0 ";
constexpr std::size_t kMaxLine = 256, kRtpdumpHeader = 16, kRtpdumpRecord = 8;

class RtpdumpReader final : public Reader {
 public:
  RtpdumpReader(Input input, std::chrono::nanoseconds start, Endpoint source)
      : input_(std::move(input)), start_(start), source_(source) {}

  Result<std::optional<Datagram>> next() override {
    while (counts_.damage.empty()) {
      const std::uint64_t offset = input_.offset();
      const Bytes header = input_.take(kRtpdumpRecord);
      if (header.size() < kRtpdumpRecord) {
        if (input_.error()) return std::unexpected(*input_.error());
        if (!header.empty()) counts_.damage = torn_at(offset);
        break;
      }
      ByteReader in(header);
      const std::size_t length = in.u16();
      const std::size_t packet_length = in.u16();  // 0: RTCP
      const std::chrono::milliseconds time(in.u32());
      if (length < kRtpdumpRecord) {
        counts_.damage = "the record at byte " + std::to_string(offset) + " has the impossible length " +
                         std::to_string(length) + "; nothing after it can be read";
        break;
      }
      const Bytes packet = input_.take(length - kRtpdumpRecord);
      ++counts_.records;
      if (packet.size() < length - kRtpdumpRecord) {
        if (input_.error()) return std::unexpected(*input_.error());
        counts_.damage = torn_at(offset);
        break;
      }
      if (packet_length > packet.size()) {  // rtpdump -F header
        ++counts_.cut;
        continue;
      }
      ++counts_.datagrams;
      return Datagram{.time = start_ + time, .source = source_, .payload = packet};
    }
    return std::nullopt;
  }

  [[nodiscard]] Format format() const noexcept override { return Format::rtpdump; }
  /// Many tools write a start time of 0.
  [[nodiscard]] bool wall_clock() const noexcept override { return start_ >= std::chrono::hours(24); }

 private:
  Input input_;
  std::chrono::nanoseconds start_;
  Endpoint source_;
};

/// "#!rtpplay1.0 192.0.2.1/5004"
Endpoint parse_source(std::string_view line) {
  Endpoint out;
  const std::size_t slash = line.find('/');
  const std::string address(line.substr(0, slash));
  in_addr v4{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) != 1 || v4.s_addr == 0) return out;
  out.version = 4;
  std::ranges::copy(std::as_bytes(std::span(&v4.s_addr, 1)), out.address.begin());
  return out;
}

}  // namespace

bool looks_like_rtpdump(Bytes front) noexcept {
  return as_text(front).starts_with(kMagic);
}

Result<std::unique_ptr<Reader>> make_rtpdump_reader(Input input, const LinkTypes&) {
  const std::string_view front = as_text(input.peek(kMaxLine));
  const std::size_t line = front.find('\n');
  if (line == std::string_view::npos)
    return fail(Errc::malformed, "the rtpdump file's first line has no end");
  const Endpoint source = parse_source(front.substr(kMagic.size(), line - kMagic.size()));
  input.skip(line + 1);
  const Bytes header = input.take(kRtpdumpHeader);
  if (header.size() < kRtpdumpHeader) return fail(Errc::truncated, "the rtpdump file ends inside its header");
  ByteReader in(header);
  const std::chrono::seconds seconds(in.u32());
  const std::chrono::microseconds microseconds(in.u32());
  return std::make_unique<RtpdumpReader>(std::move(input), seconds + microseconds, source);
}

}  // namespace rtpx::capture
