#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "base/decoded_file.hpp"

namespace rtpx::sealed {

/// A file in memory.
class MemoryFile : public DecodedFile {
 public:
  explicit MemoryFile(std::string content = {}) : content_(std::move(content)) {}

  Result<std::size_t> writev(std::span<const Bytes> parts) override {
    const std::size_t before = content_.size();
    for (const Bytes part : parts) content_ += as_text(part);
    return content_.size() - before;
  }
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override {
    const auto at = static_cast<std::size_t>(offset);
    if (content_.size() < at + bytes.size()) content_.resize(at + bytes.size());
    std::ranges::copy(as_text(bytes), content_.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  }
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    if (offset >= content_.size()) return 0;
    const Bytes from = as_bytes(content_).subspan(static_cast<std::size_t>(offset));
    const std::size_t part = std::min(to.size(), from.size());
    std::ranges::copy(from.first(part), to.begin());
    return part;
  }
  Result<void> sync() override { return {}; }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> truncate(std::uint64_t size) override {
    content_.resize(static_cast<std::size_t>(size));
    return {};
  }
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return content_.size(); }
  Result<void> close() override { return {}; }

  [[nodiscard]] const std::string& content() const noexcept { return content_; }

 private:
  std::string content_;
};

}  // namespace rtpx::sealed
