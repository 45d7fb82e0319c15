#pragma once

#include <string>
#include <utility>

namespace rtpx::sdp {

/// A description as it is written, line by line (RFC 8866 section 5).
class Lines {
 public:
  /// The parts without anything between them, and the end of the line.
  template <typename... Parts>
  void add(const Parts&... parts) {
    ((text_ += parts), ...);
    text_ += "\r\n";
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace rtpx::sdp
