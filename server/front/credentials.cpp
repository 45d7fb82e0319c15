#include "server/front/credentials.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/file_system.hpp"
#include "s3/digest.hpp"

namespace rtpx::server {
namespace {

constexpr std::uint64_t kMaxFile = 1U << 20;
constexpr std::size_t kHexDigest = 64;
constexpr std::size_t kKeyBytes = 32;

bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hash_of(std::string_view text) {
  return s3::hex(s3::sha256(text));
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

std::int64_t now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())
      .time_since_epoch()
      .count();
}

/// Seconds since 1970 that are still to come.
bool is_future(std::string_view digits) {
  std::int64_t end = 0;
  const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), end);
  return error == std::errc() && last == digits.data() + digits.size() && end > now();
}

std::optional<Scopes> parse_scopes(const std::string& text) {
  Scopes out;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    if (part == "record")
      out.record = true;
    else if (part == "view")
      out.view = true;
    else if (part == "admin")
      out = Scopes::all();
    else
      return std::nullopt;
  }
  return out;
}

Result<std::string> read_key(const std::filesystem::path& path) {
  if (const auto text = read_whole_file(real_file_system(), path, kMaxFile)) {
    if (text->size() == 2 * kKeyBytes) return *text;
    return fail(Errc::invalid_argument, path.string() + " is no key of rtpx. Remove it: a new one is made.");
  }
  unsigned char bytes[kKeyBytes];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return fail(Errc::internal, "There is no randomness for a key.");
  const std::string key = s3::hex(bytes);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = file >= 0 &&
                       ::write(file, key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                       ::fsync(file) == 0;
  if (file >= 0) ::close(file);
  if (!written) return fail(Errc::io, "Cannot write the key for sessions and links, " + path.string() + ".");
  return key;
}

}  // namespace

Result<void> Credentials::load(const Sources& sources) {
  std::vector<Token> tokens;
  if (!sources.token.empty()) tokens.push_back({hash_of(sources.token), Scopes::all()});
  if (!sources.token_file.empty()) {
    const auto text = read_whole_file(real_file_system(), sources.token_file, kMaxFile);
    if (!text) return std::unexpected(text.error());
    const std::string token = trimmed(*text);
    if (token.empty()) return fail(Errc::invalid_argument, sources.token_file.string() + " holds no token.");
    tokens.push_back({hash_of(token), Scopes::all()});
  }
  if (!sources.tokens_file.empty()) {
    const auto text = read_whole_file(real_file_system(), sources.tokens_file, kMaxFile);
    if (!text) return std::unexpected(text.error());
    std::istringstream lines(*text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      std::istringstream words(line.substr(0, line.find('#')));
      std::string scopes, hash;
      words >> scopes >> hash;
      if (scopes.empty()) continue;
      std::ranges::transform(hash, hash.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto parsed = parse_scopes(scopes);
      if (!parsed || hash.size() != kHexDigest || hash.find_first_not_of("0123456789abcdef") != hash.npos)
        return fail(Errc::invalid_argument,
                    sources.tokens_file.string() + ", line " + std::to_string(number) +
                        ": not \"SCOPES SHA256 [NAME]\" with scopes of record, view and "
                        "admin, and the SHA-256 of the token in 64 hex digits.");
      tokens.push_back({hash, *parsed});
    }
    if (tokens.empty())
      return fail(Errc::invalid_argument,
                  sources.tokens_file.string() + " holds no token: nobody could get in.");
  }
  const auto key = read_key(sources.key_file);
  if (!key) return std::unexpected(key.error());
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(tokens);
  key_ = *key;
  return {};
}

bool Credentials::required() const {
  const std::lock_guard lock(mutex_);
  return !tokens_.empty();
}

std::optional<Scopes> Credentials::scopes_of_token(std::string_view token) const {
  const std::string hash = hash_of(token);
  const std::lock_guard lock(mutex_);
  std::optional<Scopes> out;
  for (const Token& known : tokens_)
    if (same(known.hash, hash)) out = known.scopes;
  return out;
}

std::string Credentials::sign(std::string_view purpose, std::string_view text) const {
  return s3::hex(s3::hmac_sha256(key_, std::string(purpose) + '\n' + std::string(text)));
}

bool Credentials::is_signed(std::string_view purpose, std::string_view text,
                            std::string_view signature) const {
  return same(sign(purpose, text), signature);
}

// A session is "<end>.<random>.<signature>", signed together with the token's hash.
std::optional<std::string> Credentials::open_session(std::string_view token,
                                                     std::chrono::seconds life) const {
  if (!scopes_of_token(token)) return std::nullopt;
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return std::nullopt;
  const std::string text = std::to_string(now() + life.count()) + "." + s3::hex(bytes);
  const std::lock_guard lock(mutex_);
  return text + "." + sign("session", text + "\n" + hash_of(token));
}

std::optional<Scopes> Credentials::scopes_of_session(std::string_view session) const {
  const auto dot = session.rfind('.');
  if (dot == session.npos || !is_future(session.substr(0, session.find('.')))) return std::nullopt;
  const std::string text(session.substr(0, dot));
  const std::lock_guard lock(mutex_);
  for (const Token& token : tokens_)
    if (is_signed("session", text + "\n" + token.hash, session.substr(dot + 1))) return token.scopes;
  return std::nullopt;
}

// A link is "<end>.<signature>".
std::string Credentials::sign_link(const std::string& recording, std::chrono::sys_seconds end) const {
  const std::string text = std::to_string(end.time_since_epoch().count());
  const std::lock_guard lock(mutex_);
  return text + "." + sign("link", text + "\n" + recording);
}

bool Credentials::link_is_good(const std::string& recording, std::string_view link) const {
  const auto dot = link.find('.');
  if (dot == link.npos || !is_future(link.substr(0, dot))) return false;
  const std::lock_guard lock(mutex_);
  return is_signed("link", std::string(link.substr(0, dot)) + "\n" + recording, link.substr(dot + 1));
}

}  // namespace rtpx::server
