#include "s3/names.hpp"

#include <algorithm>
#include <array>

#include "rtpx/s3.hpp"

namespace rtpx {
namespace s3 {
namespace {

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool looks_like_ipv4(std::string_view name) {
  return std::ranges::count(name, '.') == 3 &&
         std::ranges::all_of(name, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80       ? 1
                               : lead >> 5 == 6  ? 2
                               : lead >> 4 == 14 ? 3
                               : lead >> 3 == 30 ? 4
                                                 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k)
      if (static_cast<unsigned char>(text[i + k]) >> 6 != 2) return false;
    i += length;
  }
  return true;
}

}  // namespace

std::string uri_encode(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
                       c == '~' || (keep_slash && c == '/');
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15U];
    }
  }
  return out;
}

Result<void> check_bucket_name(std::string_view name) {
  const auto refuse = [&](const char* rule) {
    return fail(Errc::invalid_argument, "\"" + std::string(name) + "\" is no bucket name: " + rule);
  };
  if (name.size() < 3 || name.size() > 63) return refuse("it must have 3 to 63 characters");
  if (!std::ranges::all_of(name, [](char c) { return is_lower_or_digit(c) || c == '.' || c == '-'; }))
    return refuse("only lower-case letters, digits, dots and hyphens are allowed");
  if (!is_lower_or_digit(name.front()) || !is_lower_or_digit(name.back()))
    return refuse("it must begin and end with a letter or digit");
  if (name.find("..") != name.npos) return refuse("two dots must not stand together");
  if (looks_like_ipv4(name)) return refuse("it must not look like an IP address");
  for (const std::string_view prefix : {"xn--", "sthree-", "amzn-s3-demo-"})
    if (name.starts_with(prefix)) return refuse("this beginning is reserved");
  for (const std::string_view suffix : {"-s3alias", "--ol-s3", ".mrap", "--x-s3"})
    if (name.ends_with(suffix)) return refuse("this ending is reserved");
  return {};
}

Result<void> check_key(std::string_view key) {
  const auto refuse = [&](const char* rule) {
    return fail(Errc::invalid_argument,
                "\"" + std::string(key.substr(0, 200)) + "\" is no object key: " + rule);
  };
  if (key.size() > 1024) return refuse("it is longer than 1024 bytes");
  if (!is_utf8(key)) return refuse("it is not UTF-8");
  if (key.starts_with('/')) return refuse("it begins with a slash");
  for (std::size_t from = 0; from <= key.size();) {
    const std::size_t to = std::min(key.find('/', from), key.size());
    const std::string_view part = key.substr(from, to - from);
    if (part == "." || part == "..") return refuse("\".\" and \"..\" components are refused by many tools");
    from = to + 1;
  }
  if (std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return refuse("it holds control characters");
  return {};
}

Result<void> check_plain_name(std::string_view name) {
  const auto refuse = [&](const char* rule) {
    return fail(Errc::invalid_argument, "\"" + std::string(name.substr(0, 200)) +
                                            "\" cannot be the name of a recording's file: " + rule);
  };
  if (name.empty() || name.size() > 255) return refuse("it must have 1 to 255 bytes");
  if (name.starts_with('.')) return refuse("it begins with a dot");
  if (name.find('/') != name.npos) return refuse("it holds a slash");
  if (!is_utf8(name)) return refuse("it is not UTF-8");
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }))
    return refuse("it holds control characters");
  return {};
}

Result<void> check_download_name(std::string_view name) {
  for (std::size_t from = 0; from <= name.size();) {
    const std::size_t to = std::min(name.find('/', from), name.size());
    if (auto ok = check_plain_name(name.substr(from, to - from)); !ok)
      return fail(Errc::malformed, ok.error().message + ". Nothing was fetched.");
    from = to + 1;
  }
  return {};
}

std::string join_key(std::string_view prefix, std::string_view rest) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  while (rest.starts_with('/')) rest.remove_prefix(1);
  if (prefix.empty()) return std::string(rest);
  if (rest.empty()) return std::string(prefix);
  return std::string(prefix) + "/" + std::string(rest);
}

}  // namespace s3

Result<S3Url> parse_s3_url(std::string_view url) {
  constexpr std::string_view kScheme = "s3://";
  if (!url.starts_with(kScheme))
    return fail(Errc::invalid_argument, "\"" + std::string(url) + "\" is no S3 URL; write s3://BUCKET/KEY");
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  S3Url out{std::string(url.substr(0, slash)), slash < url.size() ? std::string(url.substr(slash + 1)) : ""};
  if (auto ok = s3::check_bucket_name(out.bucket); !ok) return std::unexpected(ok.error());
  if (auto ok = s3::check_key(out.key); !ok) return std::unexpected(ok.error());
  return out;
}

}  // namespace rtpx
