#include "base/file_name.hpp"

#include "base/sha256.hpp"

namespace rtpx {

namespace {

constexpr std::size_t kMaxBytes = 180;
constexpr std::size_t kHashDigits = 16;
constexpr char kDigits[] = "0123456789ABCDEF";

bool plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string percent_encoded(std::string_view id) {
  std::string name;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool inner_dot = id[i] == '.' && i > 0 && i + 1 < id.size();
    if (plain(id[i]) || inner_dot) {
      name += id[i];
      continue;
    }
    const auto byte = static_cast<unsigned char>(id[i]);
    name += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return name;
}

std::string hash_digits(std::string_view id) {
  std::string digits;
  for (const std::byte byte : sha256(as_bytes(id))) {
    digits += static_cast<char>(kDigits[static_cast<unsigned>(byte) >> 4] | 0x20);
    digits += static_cast<char>(kDigits[static_cast<unsigned>(byte) & 15] | 0x20);
    if (digits.size() == kHashDigits) break;
  }
  return digits;
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::string encode_file_name(std::string_view id) {
  if (id.empty()) return "_";
  std::string name = percent_encoded(id);
  if (name.size() <= kMaxBytes) return name;
  std::size_t keep = kMaxBytes - kHashDigits - 1;
  for (const std::size_t back : {1U, 2U})  // not inside an escape
    if (name[keep - back] == '%') {
      keep -= back;
      break;
    }
  name.resize(keep);
  return name + "-" + hash_digits(id);
}

std::string decode_file_name(std::string_view name) {
  std::string id;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const int high = name[i] == '%' && i + 2 < name.size() ? digit_value(name[i + 1]) : -1;
    const int low = high >= 0 ? digit_value(name[i + 2]) : -1;
    if (low < 0) {
      id += name[i];
      continue;
    }
    id += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return id;
}

}  // namespace rtpx
