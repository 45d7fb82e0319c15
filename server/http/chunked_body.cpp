#include "server/http/chunked_body.hpp"

#include <algorithm>

namespace rtpx::http {
namespace {

constexpr int kMostDigits = 8;

int size_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

ChunkedBody::State ChunkedBody::put(std::string_view bytes, std::string& body, std::size_t& used) {
  for (used = 0; used < bytes.size();) {
    if (at_ == At::data) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - used));
      body += bytes.substr(used, take);
      used += take;
      left_ -= take;
      if (left_ == 0) at_ = At::data_cr;
      continue;
    }
    const char c = bytes[used++];
    const int digit = size_digit(c);
    bool good = true;
    switch (at_) {
      case At::size:
        if (digit >= 0) {
          left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
          good = ++digits_ <= kMostDigits;
        } else {
          good = digits_ > 0 && (c == ';' || c == '\r');
          at_ = c == ';' ? At::extension : At::size_end;
        }
        break;
      case At::extension:
        if (c == '\r') at_ = At::size_end;
        good = c == '\r' || !is_control(c);
        break;
      case At::size_end:
        good = c == '\n';
        at_ = left_ > 0 ? At::data : At::line;
        digits_ = 0;
        break;
      case At::data_cr:
        good = c == '\r';
        at_ = At::data_lf;
        break;
      case At::data_lf:
        good = c == '\n';
        at_ = At::size;
        break;
      case At::line:
        at_ = c == '\r' ? At::end : At::trailer;
        good = c == '\r' || !is_control(c);
        break;
      case At::trailer:
        if (c == '\r') at_ = At::trailer_end;
        good = c == '\r' || !is_control(c);
        break;
      case At::trailer_end:
        good = c == '\n';
        at_ = At::line;
        break;
      case At::end:
        return c == '\n' ? State::done : State::malformed;
      case At::data:
        break;
    }
    if (!good) return State::malformed;
  }
  return State::more;
}

}  // namespace rtpx::http
