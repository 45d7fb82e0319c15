// npm sframe (Medooze): header in front, AES-CTR, and a tag of HMAC-SHA-256 cut to 10 bytes (video) or 4
// (audio).
#include <algorithm>
#include <array>
#include <map>

#include "e2ee/frame_decryptor.hpp"
#include "e2ee/sframe_header.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kGenerations = 5;  // that its receiver tries

/// What one generation of a key is used for.
struct MedoozeKeys {
  explicit MedoozeKeys(Bytes material)
      : salt(part(material, "SFrameSaltKey", 16)),
        encryption(part(material, "SFrameEncryptionKey", 16)),
        authentication(part(material, "SFrameAuthenticationKey", 32)),
        next(part(material, "SFrameRatchetKey", 32)) {}
  static SecretBytes part(Bytes material, std::string_view name, std::size_t size) {
    return hkdf(HashName::sha256, as_bytes(name), material, {}, size);
  }
  SecretBytes salt, encryption, authentication, next;
};

class MedoozeDecryptor final : public FrameDecryptor {
 public:
  explicit MedoozeDecryptor(const E2eeKeys::Material& material) {
    for (const auto& key : material.keys)
      if (!key->format || *key->format == E2eeFormat::medooze) keys_.push_back(key.get());
  }

  OpenedFrame open(const SealedFrame& frame) override {
    OpenedFrame out;
    out.format = E2eeFormat::medooze;
    // It may leave the VP8 header in front in clear, and encrypts it all the same.
    const std::size_t vp8_header = !frame.data.empty() && (u8(frame.data[0]) & 1U) == 0 ? 10 : 3;
    for (const std::size_t skip : {std::size_t{0}, vp8_header}) {
      if (skip > 0 && (frame.codec != HintFormat::vp8 || skip >= frame.data.size())) break;
      const auto header = parse_medooze_header(frame.data.subspan(skip));
      const std::size_t tag = frame.codec == HintFormat::none ? 4 : 10;
      if (!header || frame.data.size() - skip < header->size + tag) continue;
      if (skip == 0) out.key_index = header->key_id;
      for (const E2eeKey* key : keys_)
        if (key->index.value_or(header->key_id) == header->key_id &&
            try_generations(*key, *header, frame.data, skip, tag, out))
          return out;
    }
    return out;
  }

 private:
  bool try_generations(const E2eeKey& key, const SFrameHeader& header, Bytes frame, std::size_t skip,
                       std::size_t tag, OpenedFrame& out) {
    Progress& progress = progress_[&key];
    for (std::size_t ahead = 0; ahead <= kGenerations; ++ahead)
      if (try_key(key, progress.newest + ahead, header, frame, skip, tag, out)) {
        progress.newest += ahead;
        return true;
      }
    for (std::size_t back = progress.newest; back > 0; --back)
      if (try_key(key, back - 1, header, frame, skip, tag, out)) return true;
    return false;
  }

  bool try_key(const E2eeKey& key, std::size_t generation, const SFrameHeader& header, Bytes frame,
               std::size_t skip, std::size_t tag, OpenedFrame& out) {
    const MedoozeKeys& keys = keys_of(key, generation);
    const Bytes sealed = frame.subspan(skip), signed_part = sealed.first(sealed.size() - tag);
    const SecretBytes expected = hmac(HashName::sha256, keys.authentication.bytes(), {signed_part});
    if (expected.size() < tag || !same_bytes(expected.bytes().first(tag), sealed.last(tag))) return false;
    std::array<std::byte, 16> iv{};
    store_be(iv.data(), header.counter);
    store_be(iv.data() + 8, header.key_id);
    for (std::size_t i = 0; i < iv.size(); ++i) iv[i] ^= keys.salt.bytes()[i];
    out.data = aes_ctr(keys.encryption.bytes(), iv, signed_part.subspan(header.size));
    if (skip > 0 && out.data.size() >= skip) std::ranges::copy(frame.first(skip), out.data.begin());
    out.outcome = OpenedFrame::Outcome::decrypted;
    out.key = &key;
    out.key_index = header.key_id;
    out.generation = generation;
    return true;
  }

  const MedoozeKeys& keys_of(const E2eeKey& key, std::size_t generation) {
    auto& derived = progress_[&key].derived;
    while (derived.size() <= generation)
      derived.push_back(
          std::make_unique<MedoozeKeys>(derived.empty() ? key.secret.bytes() : derived.back()->next.bytes()));
    return *derived[generation];
  }

  struct Progress {
    std::size_t newest = 0;  // generation that fitted
    std::vector<std::unique_ptr<MedoozeKeys>> derived;
  };
  std::vector<const E2eeKey*> keys_;
  std::map<const E2eeKey*, Progress> progress_;
};

}  // namespace

std::unique_ptr<FrameDecryptor> make_medooze_decryptor(const E2eeKeys::Material& material) {
  return std::make_unique<MedoozeDecryptor>(material);
}

}  // namespace rtpx
