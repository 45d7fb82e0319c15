#pragma once

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Where a writer's bytes go: a file, or memory. One thread.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  /// Where the next byte goes, counted from the start.
  [[nodiscard]] virtual std::uint64_t position() const noexcept = 0;
  /// Errors: io, no_space.
  virtual Result<void> append(Bytes bytes) = 0;
  /// Overwrites bytes that were appended before.
  virtual Result<void> patch(std::uint64_t offset, Bytes bytes) = 0;
};

/// Bytes in memory: a segment for the network.
class MemorySink final : public ByteSink {
 public:
  [[nodiscard]] std::uint64_t position() const noexcept override { return bytes_.size(); }
  Result<void> append(Bytes bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return {};
  }
  Result<void> patch(std::uint64_t offset, Bytes bytes) override {
    if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset)
      return fail(Errc::internal, "patching memory beyond its end");
    std::memcpy(bytes_.data() + offset, bytes.data(), bytes.size());
    return {};
  }
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace rtpx
