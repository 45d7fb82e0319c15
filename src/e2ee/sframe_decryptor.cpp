// SFrame, RFC 9605: `header | ciphertext | tag`. The header, and metadata agreed elsewhere, are the
// associated data.
#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "e2ee/frame_decryptor.hpp"
#include "e2ee/sframe_header.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kNonce = 12;

/// Section 4.5, table 1, in the order in which they are tried: the longest tags first.
struct CipherSuite {
  std::uint16_t number = 0;
  HashName hash = HashName::sha256;
  std::size_t key = 0;      // bytes, of both keys together
  std::size_t cipher = 16;  // of the cipher's key
  std::size_t tag = 16;
  bool gcm = false;
};
constexpr std::array<CipherSuite, 5> kSuites{{
    {4, HashName::sha256, 16, 16, 16, true},
    {5, HashName::sha512, 32, 32, 16, true},
    {1, HashName::sha256, 48, 16, 10, false},
    {2, HashName::sha256, 48, 16, 8, false},
    {3, HashName::sha256, 48, 16, 4, false},
}};
constexpr std::size_t kShortTag = 4;

/// Section 4.4.2.
struct SFrameKeys {
  SFrameKeys(const CipherSuite& suite, Bytes base_key, std::uint64_t key_id) {
    std::array<std::byte, 10> end{};
    store_be(end.data(), key_id);
    store_be(end.data() + 8, suite.number);
    const SecretBytes secret = hkdf_extract(suite.hash, {}, base_key);
    const std::string tail(as_text(end));
    key = hkdf_expand(suite.hash, secret.bytes(), as_bytes("SFrame 1.0 Secret key " + tail), suite.key);
    salt = hkdf_expand(suite.hash, secret.bytes(), as_bytes("SFrame 1.0 Secret salt " + tail), kNonce);
  }
  SecretBytes key, salt;
};

class SFrameDecryptor final : public FrameDecryptor {
 public:
  explicit SFrameDecryptor(const E2eeKeys::Material& material) : metadata_(material.metadata) {
    for (const auto& key : material.keys)
      if (!key->format || *key->format == E2eeFormat::sframe) keys_.push_back(key.get());
    for (const CipherSuite& suite : kSuites)
      if (material.cipher_suite.value_or(suite.number) == suite.number) suites_.push_back(&suite);
  }

  OpenedFrame open(const SealedFrame& frame) override {
    OpenedFrame out;
    out.format = E2eeFormat::sframe;
    const auto header = parse_sframe_header(frame.data);
    if (!header) return out;
    out.key_index = header->key_id;
    for (std::size_t i = 0; i < suites_.size(); ++i)
      for (const E2eeKey* key : keys_) {
        // A short tag fits one frame in four billion by chance: only the key that is meant is tried.
        const bool meant = key->index == header->key_id;
        if ((key->index || suites_[i]->tag == kShortTag) && !meant) continue;
        if (!try_key(*suites_[i], *key, *header, frame.data, out)) continue;
        std::rotate(suites_.begin(), suites_.begin() + static_cast<std::ptrdiff_t>(i),
                    suites_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
        return out;
      }
    return out;
  }

 private:
  static constexpr std::size_t kMostDerived = 4096;

  bool try_key(const CipherSuite& suite, const E2eeKey& key, const SFrameHeader& header, Bytes frame,
               OpenedFrame& out) {
    if (frame.size() < header.size + suite.tag) return false;
    const SFrameKeys& keys = keys_of(suite, key, header.key_id);
    std::array<std::byte, kNonce> nonce{};
    store_be(nonce.data() + 4, header.counter);
    for (std::size_t i = 0; i < kNonce; ++i) nonce[i] ^= keys.salt.bytes()[i];
    std::vector<std::byte> clear(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(header.size));
    clear.insert(clear.end(), metadata_.begin(), metadata_.end());
    const Bytes sealed = frame.subspan(header.size);
    if (suite.gcm) {
      auto text = open_aes_gcm(keys.key.bytes(), nonce, clear, sealed);
      if (!text) return false;
      out.data = std::move(*text);
    } else if (!open_ctr(suite, keys, nonce, clear, sealed, out.data)) {
      return false;
    }
    out.outcome = OpenedFrame::Outcome::decrypted;
    out.key = &key;
    return true;
  }

  // Section 4.5.1.
  static bool open_ctr(const CipherSuite& suite, const SFrameKeys& keys, Bytes nonce, Bytes clear,
                       Bytes sealed, std::vector<std::byte>& out) {
    const Bytes text = sealed.first(sealed.size() - suite.tag);
    std::array<std::byte, 24> lengths{};
    store_be(lengths.data(), std::uint64_t{clear.size()});
    store_be(lengths.data() + 8, std::uint64_t{text.size()});
    store_be(lengths.data() + 16, std::uint64_t{suite.tag});
    const SecretBytes expected =
        hmac(suite.hash, keys.key.bytes().subspan(suite.cipher), {lengths, nonce, clear, text});
    if (expected.size() < suite.tag || !same_bytes(expected.bytes().first(suite.tag), sealed.last(suite.tag)))
      return false;
    std::array<std::byte, 16> iv{};
    std::ranges::copy(nonce, iv.begin());
    out = aes_ctr(keys.key.bytes().first(suite.cipher), iv, text);
    return true;
  }

  const SFrameKeys& keys_of(const CipherSuite& suite, const E2eeKey& key, std::uint64_t key_id) {
    if (derived_.size() > kMostDerived) derived_.clear();
    return derived_.try_emplace({&key, key_id, suite.number}, suite, key.secret.bytes(), key_id)
        .first->second;
  }

  const Bytes metadata_;
  std::vector<const E2eeKey*> keys_;
  std::vector<const CipherSuite*> suites_;  // what fitted last is first
  std::map<std::tuple<const E2eeKey*, std::uint64_t, std::uint16_t>, SFrameKeys> derived_;
};

}  // namespace

std::unique_ptr<FrameDecryptor> make_sframe_decryptor(const E2eeKeys::Material& material) {
  return std::make_unique<SFrameDecryptor>(material);
}

}  // namespace rtpx
