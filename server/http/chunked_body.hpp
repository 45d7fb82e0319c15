#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rtpx::http {

/// Takes a chunked body apart (RFC 9112 7.1) as it comes, in pieces of any size. Extensions and trailers are
/// passed over. Beast's own decoder asserts that pieces are longer than they may be.
class ChunkedBody {
 public:
  enum class State : std::uint8_t { more, done, malformed };

  /// Appends what `bytes` hold of the body; `used` is how many of them belong to it, all unless it is done.
  State put(std::string_view bytes, std::string& body, std::size_t& used);

 private:
  enum class At : std::uint8_t {
    size,
    extension,
    size_end,
    data,
    data_cr,
    data_lf,
    line,
    trailer,
    trailer_end,
    end
  };

  At at_ = At::size;
  std::uint64_t left_ = 0;  // of the chunk
  int digits_ = 0;
};

}  // namespace rtpx::http
