#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx::capture {

/// What fragments of one IP datagram share (RFC 791 section 3.2, RFC 8200 section 4.5).
struct FragmentKey {
  std::array<std::byte, 16> source{}, destination{};
  std::uint32_t identification = 0;
  auto operator<=>(const FragmentKey&) const = default;
};

/// Puts fragmented IP datagrams together, in bounded memory: at most kMaxDatagrams at a time, the oldest
/// going first.
class Fragments {
 public:
  static constexpr std::size_t kMaxDatagrams = 64;
  static constexpr std::size_t kMaxBytes = 65535;

  /// Adds a fragment that covers [at, at + piece.size()) of the datagram's payload. Answers the payload when
  /// it is whole, valid until the next call; empty otherwise.
  [[nodiscard]] Bytes add(const FragmentKey& key, std::uint32_t at, bool more, Bytes piece);

  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t pending() const noexcept;  ///< fragments still waiting for others

 private:
  struct Partial {
    std::map<std::uint32_t, std::vector<std::byte>> pieces;  // by offset, not overlapping
    std::uint32_t bytes = 0;                                 // in pieces
    std::uint32_t total = 0;                                 // 0: the last fragment has not come
    std::uint64_t age = 0;
  };
  void drop_oldest();

  std::map<FragmentKey, Partial> partials_;
  std::vector<std::byte> whole_;
  std::uint64_t next_age_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace rtpx::capture
