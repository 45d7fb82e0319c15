#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crc32c.hpp"
#include "base/file_system.hpp"
#include "sealed/identities.hpp"
#include "sealed/crypto.hpp"

namespace rtpx {
namespace {

constexpr std::string_view kPublicPrefix = "rtpxpub1";
constexpr std::string_view kSecretPrefix = "RTPXSECRET1";
constexpr std::string_view kLockedPrefix = "RTPXLOCKED1";
constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kMostFileBytes = 64U << 10;
constexpr std::uint32_t kMostOperations = 16, kMostMemoryMiB = 1024;  // of what others' files may ask for
// crypto_pwhash's MODERATE: about a second.
constexpr std::uint32_t kOperations = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
constexpr std::uint32_t kMemoryMiB = crypto_pwhash_argon2id_MEMLIMIT_MODERATE >> 20;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kLockedBytes = 4 + 4 + crypto_pwhash_argon2id_SALTBYTES + crypto_secretbox_NONCEBYTES +
                                     kSecretBytes + crypto_secretbox_MACBYTES;

std::string_view trimmed(std::string_view text) {
  const char* const space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// The prefix, then base64url (RFC 4648 section 5) of the bytes and their CRC-32C.
std::string key_text(std::string_view prefix, Bytes bytes) {
  std::vector<std::byte> checked(bytes.begin(), bytes.end());
  checked.resize(bytes.size() + kCheckBytes);
  store_be(checked.data() + bytes.size(), crc32c(bytes));
  std::string text(sodium_base64_ENCODED_LEN(checked.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(checked.data()),
                    checked.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  sealed::wipe(checked);
  text.pop_back();  // its terminating zero
  std::string out(prefix);
  out += text;
  sodium_memzero(text.data(), text.size());
  return out;
}

/// What key_text() was made of: exactly `to`'s size.
bool read_key_text(std::string_view prefix, std::string_view text, std::span<std::byte> to) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  std::vector<std::byte> checked(to.size() + kCheckBytes);
  std::size_t size = 0;
  const bool decoded =
      sodium_base642bin(reinterpret_cast<unsigned char*>(checked.data()), checked.size(), text.data(), text.size(),
                        nullptr, &size, nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
      size == checked.size() && load_be<std::uint32_t>(checked.data() + to.size()) == crc32c(Bytes(checked).first(to.size()));
  if (decoded) std::copy_n(checked.begin(), to.size(), to.begin());
  sealed::wipe(checked);
  return decoded;
}

struct Argon2Key {
  std::array<unsigned char, crypto_secretbox_KEYBYTES> bytes;
  ~Argon2Key() { sodium_memzero(bytes.data(), bytes.size()); }
  [[nodiscard]] bool derive(std::string_view passphrase, const unsigned char* salt, std::uint32_t operations,
                            std::uint32_t memory_mib) {
    return crypto_pwhash(bytes.data(), bytes.size(), passphrase.data(), passphrase.size(), salt, operations,
                         std::size_t{memory_mib} << 20, crypto_pwhash_ALG_ARGON2ID13) == 0;
  }
};

/// What stands behind kLockedPrefix: u32 operations, u32 MiB, salt, nonce, the secret in a crypto_secretbox.
class Locked {
 public:
  std::array<std::byte, kLockedBytes> bytes;

  [[nodiscard]] bool sane() const {
    return operations() >= 1 && operations() <= kMostOperations && memory_mib() >= 1 && memory_mib() <= kMostMemoryMiB;
  }
  [[nodiscard]] Result<void> lock(const std::array<std::byte, kSecretBytes>& secret, std::string_view passphrase) {
    store_be(bytes.data(), kOperations);
    store_be(bytes.data() + 4, kMemoryMiB);
    randombytes_buf(at(8), crypto_pwhash_argon2id_SALTBYTES + crypto_secretbox_NONCEBYTES);
    Argon2Key key;
    if (!key.derive(passphrase, salt(), operations(), memory_mib()))
      return fail(Errc::io, "There is no memory to protect the identity by its passphrase: it takes " +
                                std::to_string(kMemoryMiB) + " MiB");
    crypto_secretbox_easy(at(kBoxAt), reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), nonce(),
                          key.bytes.data());
    return {};
  }
  [[nodiscard]] Result<void> unlock(std::string_view passphrase, const std::string& of_what,
                                    std::array<std::byte, kSecretBytes>& secret) {
    Argon2Key key;
    if (!key.derive(passphrase, salt(), operations(), memory_mib()))
      return fail(Errc::io, "There is no memory to open " + of_what + " by its passphrase: it takes " +
                                std::to_string(memory_mib()) + " MiB");
    if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(secret.data()), at(kBoxAt),
                                   kLockedBytes - kBoxAt, nonce(), key.bytes.data()) != 0)
      return fail(Errc::invalid_argument, "That is not the passphrase of " + of_what);
    return {};
  }

 private:
  static constexpr std::size_t kBoxAt = 8 + crypto_pwhash_argon2id_SALTBYTES + crypto_secretbox_NONCEBYTES;
  [[nodiscard]] unsigned char* at(std::size_t offset) {
    return reinterpret_cast<unsigned char*>(bytes.data() + offset);
  }
  [[nodiscard]] std::uint32_t operations() const { return load_be<std::uint32_t>(bytes.data()); }
  [[nodiscard]] std::uint32_t memory_mib() const { return load_be<std::uint32_t>(bytes.data() + 4); }
  [[nodiscard]] unsigned char* salt() { return at(8); }
  [[nodiscard]] unsigned char* nonce() { return at(8 + crypto_pwhash_argon2id_SALTBYTES); }
};

/// The one line of an identity file that is no comment.
Result<std::string_view> key_line(std::string_view text, const std::string& of_what) {
  std::string_view found;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (!found.empty()) return fail(Errc::invalid_argument, of_what + " holds more than one key: one file, one identity");
    found = line;
  }
  if (found.starts_with(kPublicPrefix))
    return fail(Errc::invalid_argument,
                of_what + " holds a public key; what was sealed is opened with the identity that belongs to it");
  if (found.empty()) return fail(Errc::invalid_argument, of_what + " holds no identity");
  return found;
}

/// For the caller to wipe.
Result<std::string> read_secret(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Unexpected<Error>(os_error("open identity", file, errno));
  std::string text(kMostFileBytes, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  do {
    got = ::read(descriptor, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
  } while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR)));
  const int error_number = errno;
  ::close(descriptor);
  if (got < 0) return Unexpected<Error>(os_error("read identity", file, error_number));
  text.resize(size);
  return text;
}

}  // namespace

Result<Recipient> Recipient::parse(std::string_view text) {
  if (auto ready = sealed::prepare(); !ready) return std::unexpected(ready.error());
  text = trimmed(text);
  Key key;
  if (read_key_text(kPublicPrefix, text, key)) return Recipient(key);
  if (text.starts_with(kSecretPrefix) || text.starts_with(kLockedPrefix))
    return fail(Errc::invalid_argument,
                "That is an identity, which is secret; a recipient is its public key, rtpxpub1…: make a new one if "
                "others have seen it");
  return fail(Errc::invalid_argument, std::string("A recipient is a public key as `rtpx keygen` prints it, ") +
                                          std::string(kPublicPrefix) + "…; this one is incomplete or mistyped");
}

std::string Recipient::text() const {
  return key_text(kPublicPrefix, key_);
}

Identity::~Identity() {
  sealed::wipe(secret_);
}

std::shared_ptr<const Identity> Identity::generate() {
  (void)sealed::prepare();
  std::shared_ptr<Identity> made(new Identity);
  sealed::fill_random(made->secret_);
  return made;
}

Result<std::shared_ptr<const Identity>> Identity::parse(std::string_view text, const std::string& of_what,
                                                        const Passphrase& passphrase) {
  if (auto ready = sealed::prepare(); !ready) return std::unexpected(ready.error());
  const auto line = key_line(text, of_what);
  if (!line) return std::unexpected(line.error());
  std::shared_ptr<Identity> made(new Identity);
  if (read_key_text(kSecretPrefix, *line, made->secret_)) return made;
  Locked locked;
  if (!read_key_text(kLockedPrefix, *line, locked.bytes) || !locked.sane())
    return fail(Errc::invalid_argument, of_what + " is no identity as `rtpx keygen` makes them, or incomplete");
  if (!passphrase)
    return fail(Errc::invalid_argument, of_what + " is protected by a passphrase, and there is nobody to ask for it");
  auto answer = passphrase(of_what);
  if (!answer) return std::unexpected(answer.error());
  const auto unlocked = locked.unlock(*answer, of_what, made->secret_);
  sodium_memzero(answer->data(), answer->size());
  if (!unlocked) return std::unexpected(unlocked.error());
  return made;
}

Result<std::shared_ptr<const Identity>> Identity::load(const std::filesystem::path& file, const Passphrase& passphrase) {
  auto text = read_secret(file);
  if (!text) return std::unexpected(std::move(text).error());
  auto identity = parse(*text, file.string(), passphrase);
  sodium_memzero(text->data(), text->size());
  return identity;
}

Result<Identities> sealed::load_identities(const std::filesystem::path& file, const Passphrase& passphrase) {
  auto text = read_secret(file);
  if (!text) return std::unexpected(std::move(text).error());
  Identities out;
  Result<Identities> result;
  for (std::string_view rest = *text; result && !rest.empty();) {
    const std::string_view line = trimmed(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    if (line.empty() || line.starts_with('#')) continue;
    auto identity = Identity::parse(line, file.string(), passphrase);
    if (identity)
      out.push_back(*std::move(identity));
    else
      result = std::unexpected(std::move(identity).error());
  }
  if (result && out.empty()) result = fail(Errc::invalid_argument, file.string() + " holds no identity");
  if (result) result = std::move(out);
  sodium_memzero(text->data(), text->size());
  return result;
}

Recipient Identity::recipient() const {
  Recipient::Key key;
  crypto_scalarmult_base(reinterpret_cast<unsigned char*>(key.data()),
                         reinterpret_cast<const unsigned char*>(secret_.data()));
  return Recipient(key);
}

Result<std::string> Identity::text(std::string_view passphrase) const {
  std::string out = "# rtpx identity, opens what is sealed for " + recipient().text() + "\n";
  if (passphrase.empty()) {
    out += key_text(kSecretPrefix, secret_);
  } else {
    Locked locked;
    if (auto done = locked.lock(secret_, passphrase); !done) return std::unexpected(done.error());
    out += key_text(kLockedPrefix, locked.bytes);
  }
  return out + "\n";
}

}  // namespace rtpx
