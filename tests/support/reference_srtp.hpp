#pragma once

#include <srtp2/srtp.h>

#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "ingest/srtp/srtp.hpp"

namespace rtpx::test {

/// libsrtp2 with the interface and the replay window of Srtp: the second implementation that it is compared
/// with.
class ReferenceSrtp {
 public:
  ReferenceSrtp(std::span<const SrtpKeys> keys, Srtp::Direction direction) : mki_(!keys.front().mki.empty()) {
    static const bool ready = srtp_init() == srtp_err_status_ok;
    srtp_policy_t policy{};
    set_crypto(keys.front().profile, policy);
    std::vector<srtp_master_key_t> master(keys.size());
    std::vector<srtp_master_key_t*> pointers;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      master[i] = {bytes_of(keys[i].key_and_salt), bytes_of(keys[i].mki),
                   static_cast<unsigned>(keys[i].mki.size())};
      pointers.push_back(&master[i]);
    }
    policy.keys = pointers.data();
    policy.num_master_keys = pointers.size();
    policy.ssrc.type = direction == Srtp::Direction::receive ? ssrc_any_inbound : ssrc_any_outbound;
    policy.window_size = 8192;
    policy.allow_repeat_tx = 1;
    if (!ready || srtp_create(&context_, &policy) != srtp_err_status_ok) std::abort();
  }
  ~ReferenceSrtp() { srtp_dealloc(context_); }
  ReferenceSrtp(const ReferenceSrtp&) = delete;
  ReferenceSrtp& operator=(const ReferenceSrtp&) = delete;

  std::optional<Bytes> unprotect_rtp(std::span<std::byte> packet, Srtp::Failure& why) {
    int size = static_cast<int>(packet.size());
    const auto status = srtp_unprotect_mki(context_, packet.data(), &size, mki_);
    return answer(packet, status, size, why);
  }
  std::optional<Bytes> unprotect_rtcp(std::span<std::byte> packet, Srtp::Failure& why) {
    int size = static_cast<int>(packet.size());
    const auto status = srtp_unprotect_rtcp_mki(context_, packet.data(), &size, mki_);
    return answer(packet, status, size, why);
  }
  std::optional<Bytes> protect_rtp(std::span<std::byte> buffer, std::size_t size) {
    int length = static_cast<int>(size);
    Srtp::Failure why{};
    const auto status = srtp_protect_mki(context_, buffer.data(), &length, mki_, 0);
    return answer(buffer, status, length, why);
  }
  std::optional<Bytes> protect_rtcp(std::span<std::byte> buffer, std::size_t size) {
    int length = static_cast<int>(size);
    Srtp::Failure why{};
    const auto status = srtp_protect_rtcp_mki(context_, buffer.data(), &length, mki_, 0);
    return answer(buffer, status, length, why);
  }
  void forget(std::uint32_t ssrc) { (void)srtp_remove_stream(context_, ssrc); }

 private:
  /// libsrtp copies what it is given.
  static unsigned char* bytes_of(const std::vector<std::byte>& from) {
    return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(from.data()));
  }
  static std::optional<Bytes> answer(std::span<std::byte> packet, srtp_err_status_t status, int size,
                                     Srtp::Failure& why) {
    const bool replayed = status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old;
    why = status == srtp_err_status_ok ? Srtp::Failure::none
          : replayed                   ? Srtp::Failure::replayed
                                       : Srtp::Failure::refused;
    if (status != srtp_err_status_ok) return std::nullopt;
    return Bytes(packet).first(static_cast<std::size_t>(size));
  }
  static void set_crypto(SrtpProfile profile, srtp_policy_t& policy) {
    switch (profile) {
      case SrtpProfile::aead_aes_128_gcm:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
        break;
      case SrtpProfile::aead_aes_256_gcm:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy.rtcp);
        break;
      case SrtpProfile::aes256_cm_sha1_80:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
        break;
      case SrtpProfile::aes256_cm_sha1_32:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy.rtcp);
        break;
      case SrtpProfile::aes128_cm_sha1_80:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
        break;
      case SrtpProfile::aes128_cm_sha1_32:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
        break;
    }
  }

  srtp_t context_ = nullptr;
  bool mki_;
};

inline constexpr SrtpProfile kSrtpProfiles[] = {
    SrtpProfile::aead_aes_128_gcm,  SrtpProfile::aead_aes_256_gcm,  SrtpProfile::aes128_cm_sha1_80,
    SrtpProfile::aes128_cm_sha1_32, SrtpProfile::aes256_cm_sha1_80, SrtpProfile::aes256_cm_sha1_32};

/// Some key, another for each `seed`, with an MKI of `mki` bytes.
inline SrtpKeys some_srtp_keys(SrtpProfile profile, unsigned seed = 1, std::size_t mki = 0) {
  SrtpKeys out{profile, {}, {}};
  for (std::size_t i = 0; i < srtp_key_size(profile) + srtp_salt_size(profile); ++i)
    out.key_and_salt.push_back(static_cast<std::byte>(i * 7 + seed * 31));
  for (std::size_t i = 0; i < mki; ++i) out.mki.push_back(static_cast<std::byte>(seed + i));
  return out;
}

}  // namespace rtpx::test
