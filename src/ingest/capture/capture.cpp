#include "ingest/capture/capture.hpp"

#include <arpa/inet.h>

#include "ingest/capture/readers.hpp"

namespace rtpx::capture {
namespace {

struct Recogniser {
  bool (*looks_like)(Bytes) noexcept;
  Result<std::unique_ptr<Reader>> (*make)(Input, const LinkTypes&);
};

/// Captures are often kept like this.
constexpr std::pair<std::string_view, const char*> kCompressed[] = {
    {"\x1F\x8B", "gzip"}, {"\xFD" "7zXZ", "xz"}, {"\x28\xB5\x2F\xFD", "zstd"}, {"BZh", "bzip2"}};

// RFC 4571 has no magic number, so it comes last.
constexpr Recogniser kRecognisers[] = {{looks_like_pcap, make_pcap_reader},
                                       {looks_like_pcapng, make_pcapng_reader},
                                       {looks_like_rtpdump, make_rtpdump_reader},
                                       {looks_like_mjr, make_mjr_reader},
                                       {looks_like_rfc4571, make_rfc4571_reader}};

Result<std::unique_ptr<Reader>> recognise(Input input, const LinkTypes& user, const std::string& name) {
  for (const auto& [looks_like, make] : kRecognisers)
    if (looks_like(input.peek(kMagicBytes))) return make(std::move(input), user);
  if (input.error()) return std::unexpected(*input.error());
  for (const auto& [magic, program] : kCompressed)
    if (const Bytes head = input.peek(magic.size()); as_text(head) == magic)
      return fail(Errc::unsupported, name + " is compressed: " + program + " -dc " + name + " | rtpx import - …");
  return fail(Errc::unsupported,
              name + (input.at_end() ? " is empty" : " is no pcap, pcapng, rtpdump, mjr or RFC 4571 file"));
}

}  // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& file, const LinkTypes& user) {
  auto input = Input::open(file);
  if (!input) return std::unexpected(input.error());
  auto reader = recognise(std::move(*input), user, file.string());
  if (!reader && !reader.error().message.starts_with(file.string()))
    reader.error().message = file.string() + ": " + reader.error().message;
  return reader;
}

Result<std::unique_ptr<Reader>> Reader::over(Bytes memory) {
  return recognise(Input(memory), {}, "the capture");
}

const char* to_string(Format format) noexcept {
  switch (format) {
    case Format::pcap:
      return "pcap";
    case Format::pcapng:
      return "pcapng";
    case Format::rtpdump:
      return "rtpdump";
    case Format::mjr:
      return "mjr";
    case Format::rfc4571:
      return "RFC 4571";
  }
  return "?";
}

std::string address_text(const Endpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = "";
  if (endpoint.version == 4) ::inet_ntop(AF_INET, endpoint.address.data(), text, sizeof text);
  if (endpoint.version == 6) ::inet_ntop(AF_INET6, endpoint.address.data(), text, sizeof text);
  return text;
}

std::string torn_at(std::uint64_t offset) {
  return "the capture ends inside a record at byte " + std::to_string(offset);
}

}  // namespace rtpx::capture
