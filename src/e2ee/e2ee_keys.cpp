#include "rtpx/e2ee.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/json.hpp"
#include "e2ee/key_material.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;
constexpr std::size_t kMostKeys = 1024;
constexpr std::size_t kMostSecretBytes = 4096;
constexpr std::size_t kMostWindow = 256;
constexpr const char* kLiveKitSalt = "LKFrameEncryptionKey";

/// Zeroes every string of a document, at any depth.
void wipe_strings(Json& value) {
  if (value.is_string()) {
    auto& text = value.get_ref<std::string&>();
    wipe(std::as_writable_bytes(std::span(text.data(), text.size())));
  } else if (value.is_structured()) {
    for (auto& part : value) wipe_strings(part);
  }
}

/// A parsed document that is zeroed when it goes.
struct SecretJson {
  explicit SecretJson(Json parsed) : value(std::move(parsed)) {}
  ~SecretJson() { wipe_strings(value); }
  SecretJson(const SecretJson&) = delete;
  SecretJson& operator=(const SecretJson&) = delete;
  Json value;
};

std::optional<SecretBytes> from_hex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  SecretBytes out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.writable()[i] = static_cast<std::byte>(high << 4 | low);
  }
  return out;
}

/// Either alphabet of RFC 4648, with or without padding.
std::optional<SecretBytes> from_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
  };
  SecretBytes out(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t at = 0;
  for (const char c : text) {
    const int value = digit(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.writable()[at++] = static_cast<std::byte>(bits >> count);
  }
  return out;
}

/// A format as the file names it. nullopt: "auto" or none. `window` is that client's.
Result<std::optional<E2eeFormat>> format_named(const std::string& name, std::size_t& window) {
  if (name == "auto") return std::nullopt;
  if (name == "livekit") return E2eeFormat::livekit;
  if (name == "element" || name == "element-call") {
    window = std::max<std::size_t>(window, 10);
    return E2eeFormat::livekit;
  }
  if (name == "jitsi") return E2eeFormat::jitsi;
  if (name == "medooze") return E2eeFormat::medooze;
  if (name == "sframe") return E2eeFormat::sframe;
  return fail(Errc::malformed, "the keys name the format \"" + name.substr(0, 40) +
                                   "\"; known are livekit, element-call, jitsi, medooze, sframe and auto");
}

class KeysReader {
 public:
  Result<std::unique_ptr<const E2eeKeys::Material>> read(const Json& document) {
    if (!document.is_object()) return fail(Errc::malformed, "the keys are no JSON object");
    if (auto done = options(document); !done) return std::unexpected(done.error());
    const auto list = document.find("keys");
    if (list == document.end() || !list->is_array() || list->empty())
      return fail(Errc::malformed, "the keys have no list \"keys\" with at least one key");
    if (list->size() > kMostKeys)
      return fail(Errc::malformed, "the keys are more than " + std::to_string(kMostKeys));
    for (std::size_t i = 0; i < list->size(); ++i)
      if (auto done = key((*list)[i], "key " + std::to_string(i + 1)); !done)
        return std::unexpected(done.error());
    return std::move(out_);
  }

 private:
  Result<void> options(const Json& document) {
    for (const auto& [name, value] : document.items())
      if (auto done = option(name, value); !done) return done;
    return {};
  }

  Result<void> option(const std::string& name, const Json& value) {
    const auto wrong = [&](const char* wanted) {
      return fail(Errc::malformed, "the keys' \"" + name + "\" is not " + wanted);
    };
    const auto number = [&](std::uint64_t most) -> std::optional<std::uint64_t> {
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most) return std::nullopt;
      return value.get<std::uint64_t>();
    };
    if (name == "keys") return {};
    if (name == "format") {
      if (!value.is_string()) return wrong("a name");
      auto named = format_named(value.get_ref<const std::string&>(), out_->ratchet_window);
      if (!named) return std::unexpected(named.error());
      format_ = *named;
      return {};
    }
    if (name == "key_bits") {
      const auto bits = number(256);
      if (bits != 128 && bits != 256) return wrong("128 or 256");
      out_->key_bytes = *bits / 8;
      return {};
    }
    if (name == "ratchet_window") {
      const auto window = number(kMostWindow);
      if (!window) return wrong("a number from 0 to 256");
      out_->ratchet_window = *window;
      return {};
    }
    if (name == "keyring") return number(256) ? Result<void>{} : wrong("a number up to 256");
    if (name == "cipher_suite") {
      const auto suite = number(5);
      if (!suite || *suite == 0) return wrong("a cipher suite of RFC 9605, 1 to 5");
      out_->cipher_suite = static_cast<unsigned>(*suite);
      return {};
    }
    if (name == "salt") {
      if (!value.is_string()) return wrong("a text");
      salt_ = value.get<std::string>();
      return {};
    }
    if (name == "plain_ok") {
      if (!value.is_boolean()) return wrong("true or false");
      out_->plain_ok = value.get<bool>();
      return {};
    }
    if (name == "injected_trailer" || name == "metadata") {
      const auto bytes = value.is_string() ? from_hex(value.get_ref<const std::string&>()) : std::nullopt;
      if (!bytes) return wrong("bytes in hexadecimal");
      auto& option = name == "metadata" ? out_->metadata : out_->injected_trailer;
      option.assign(bytes->bytes().begin(), bytes->bytes().end());
      return {};
    }
    return fail(Errc::malformed, "the keys have an option \"" + name.substr(0, 40) + "\" that is not known");
  }

  Result<void> key(const Json& value, const std::string& which) {
    const auto wrong = [&](const std::string& what) { return fail(Errc::malformed, which + " " + what); };
    if (!value.is_object()) return wrong("is no JSON object");
    auto made = std::make_unique<E2eeKey>();
    made->format = format_;
    made->name = which;
    std::optional<SecretBytes> secret;
    for (const auto& [name, member] : value.items()) {
      if (name == "index" || name == "kid") {
        if (!member.is_number_unsigned()) return wrong("has an \"" + name + "\" that is no number");
        made->index = member.get<std::uint64_t>();
        continue;
      }
      if (!member.is_string()) return wrong("has a \"" + name.substr(0, 40) + "\" that is no text");
      const auto& text = member.get_ref<const std::string&>();
      if (name == "name") {
        made->name = text.substr(0, 200);
      } else if (name == "format") {
        auto named = format_named(text, out_->ratchet_window);
        if (!named) return std::unexpected(named.error());
        made->format = *named;
      } else if (name == "passphrase" || name == "hex" || name == "base64") {
        if (secret) return wrong("has more than one of passphrase, hex and base64");
        made->passphrase = name == "passphrase";
        secret = name == "hex"      ? from_hex(text)
                 : name == "base64" ? from_base64(text)
                                    : SecretBytes(as_bytes(text));
        if (!secret) return wrong("has a \"" + name + "\" that is none");
      } else {
        return wrong("has a \"" + name.substr(0, 40) + "\" that is not known");
      }
    }
    if (!secret || secret->size() == 0) return wrong("has none of passphrase, hex and base64");
    if (secret->size() > kMostSecretBytes)
      return wrong("is longer than " + std::to_string(kMostSecretBytes) + " bytes");
    made->secret = std::move(*secret);
    add_chains(*made);
    out_->keys.push_back(std::move(made));
    return {};
  }

  // LiveKit's web client derives from a passphrase by PBKDF2 and from bytes by HKDF, its native ones from
  // both by PBKDF2. Jitsi's info has been empty and "JFrameInfo".
  void add_chains(const E2eeKey& key) {
    const auto add = [&](KeyChain::Derivation derivation) {
      out_->chains.push_back(std::make_unique<KeyChain>(key, std::move(derivation)));
    };
    const std::string zeros(128, '\0');
    if (key.format.value_or(E2eeFormat::livekit) == E2eeFormat::livekit) {
      if (!key.passphrase) add({E2eeFormat::livekit, false, salt_, zeros, salt_, zeros, true});
      add({E2eeFormat::livekit, true, salt_, "", salt_, "", true});
    }
    if (key.format.value_or(E2eeFormat::jitsi) == E2eeFormat::jitsi)
      for (const char* info : {"", "JFrameInfo"})
        add({E2eeFormat::jitsi, false, "JFrameEncryptionKey", info, "JFrameRatchetKey", info, false});
  }

  std::unique_ptr<E2eeKeys::Material> out_ = std::make_unique<E2eeKeys::Material>();
  std::optional<E2eeFormat> format_;
  std::string salt_ = kLiveKitSalt;
};

}  // namespace

E2eeKeys::E2eeKeys(std::unique_ptr<const Material> material) : material_(std::move(material)) {}
E2eeKeys::~E2eeKeys() = default;

Result<std::shared_ptr<const E2eeKeys>> E2eeKeys::parse(std::string_view json) {
  if (json.size() > kMostFileBytes) return fail(Errc::malformed, "the keys are longer than 1 MiB");
  auto parsed = parse_json(json, "the keys");
  if (!parsed) return fail(Errc::malformed, "the keys are no JSON");  // what stands there may be a key
  const SecretJson document(std::move(*parsed));
  auto material = KeysReader().read(document.value);
  if (!material) return std::unexpected(material.error());
  return std::shared_ptr<const E2eeKeys>(new E2eeKeys(std::move(*material)));
}

Result<std::shared_ptr<const E2eeKeys>> E2eeKeys::load(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return fail(Errc::not_found, "the keys file " + file.string() + " cannot be opened");
  SecretBytes text(kMostFileBytes + 1);
  std::size_t size = 0;
  ssize_t got = 0;
  do {
    got = ::read(descriptor, text.writable().data() + size, text.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
  } while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR)));
  ::close(descriptor);
  if (got < 0) return fail(Errc::io, "the keys file " + file.string() + " cannot be read");
  auto keys = parse(as_text(text.bytes().first(size)));
  if (!keys) return fail(keys.error().code, file.string() + ": " + keys.error().message);
  return keys;
}

}  // namespace rtpx
