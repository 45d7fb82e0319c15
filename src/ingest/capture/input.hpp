#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx::capture {

/// The bytes of a capture, read forward through a buffer of bounded size.
class Input {
 public:
  static constexpr std::size_t kMaxPeek = 1U << 20;

  /// Errors: not_found, io.
  [[nodiscard]] static Result<Input> open(const std::filesystem::path& file);
  /// Reads from memory, which must outlive the input.
  explicit Input(Bytes memory) noexcept : memory_(memory) {}
  Input(Input&& other) noexcept;
  Input& operator=(Input&& other) noexcept;
  ~Input();

  /// The next `count` bytes (at most kMaxPeek), without moving on; fewer at the end of the file and after a
  /// read error. Valid until the next call.
  [[nodiscard]] Bytes peek(std::size_t count);
  /// Moves on by `count` bytes, or to the end.
  void skip(std::uint64_t count);
  /// peek() and skip(): the bytes are still valid until the next call.
  [[nodiscard]] Bytes take(std::size_t count);

  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] bool at_end() { return peek(1).empty(); }
  /// Set when the operating system refused a read; the input then behaves as if it ended there.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  Input() = default;
  void fill(std::size_t count);

  int fd_ = -1;
  std::filesystem::path file_;
  Bytes memory_;                   // all of it, when not from a file
  std::vector<std::byte> buffer_;  // the file's bytes [buffer_offset_, + size)
  std::uint64_t buffer_offset_ = 0;
  std::uint64_t offset_ = 0;
  bool ended_ = false;
  std::optional<Error> error_;
};

}  // namespace rtpx::capture
