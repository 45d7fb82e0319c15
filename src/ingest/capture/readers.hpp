#pragma once

#include <memory>

#include "ingest/capture/capture.hpp"
#include "ingest/capture/input.hpp"

/// One function for each format; capture.cpp chooses among them. `recognises` sees the first bytes of the
/// file, up to kMagicBytes of them.
namespace rtpx::capture {

inline constexpr std::size_t kMagicBytes = 64U << 10;

[[nodiscard]] bool looks_like_pcap(Bytes front) noexcept;
[[nodiscard]] bool looks_like_pcapng(Bytes front) noexcept;
[[nodiscard]] bool looks_like_rtpdump(Bytes front) noexcept;
[[nodiscard]] bool looks_like_mjr(Bytes front) noexcept;
[[nodiscard]] bool looks_like_rfc4571(Bytes front) noexcept;

[[nodiscard]] Result<std::unique_ptr<Reader>> make_pcap_reader(Input input, const LinkTypes& user);
[[nodiscard]] Result<std::unique_ptr<Reader>> make_pcapng_reader(Input input, const LinkTypes& user);
[[nodiscard]] Result<std::unique_ptr<Reader>> make_rtpdump_reader(Input input, const LinkTypes&);
[[nodiscard]] Result<std::unique_ptr<Reader>> make_mjr_reader(Input input, const LinkTypes&);
[[nodiscard]] Result<std::unique_ptr<Reader>> make_rfc4571_reader(Input input, const LinkTypes&);

/// "the capture ends inside a record at byte N": what Counts::damage says of torn files.
[[nodiscard]] std::string torn_at(std::uint64_t offset);

}  // namespace rtpx::capture
