#include "base/random_text.hpp"

#include <sodium.h>

#include <string_view>

namespace rtpx {

std::string random_text(std::size_t size) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string out(size, '\0');
  for (char& c : out) c = kAlphabet[randombytes_uniform(kAlphabet.size())];
  return out;
}

}  // namespace rtpx
