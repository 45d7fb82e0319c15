#include "ingest/srtp/srtp.hpp"

#include <srtp2/srtp.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace rtpx {
namespace {

constexpr std::size_t kReplayWindow = 8192;

bool library_ready() {
  static const bool ready = srtp_init() == srtp_err_status_ok;
  return ready;
}

srtp_t handle(void* context) {
  return static_cast<srtp_t>(context);
}

void set_crypto(SrtpProfile profile, srtp_policy_t& policy) {
  switch (profile) {
    case SrtpProfile::aead_aes_128_gcm:
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
      break;
    case SrtpProfile::aes128_cm_sha1_80:
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
    case SrtpProfile::aes128_cm_sha1_32:  // RFC 4568 section 6.2.2: SRTCP keeps the 80 bits
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy.rtp);
      srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
      break;
  }
}

std::optional<Bytes> shortened(std::span<std::byte> packet, int size, srtp_err_status_t status,
                               Srtp::Failure& why) noexcept {
  why = status == srtp_err_status_ok ? Srtp::Failure::none
        : status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old
            ? Srtp::Failure::replayed
            : Srtp::Failure::refused;
  if (status != srtp_err_status_ok) return std::nullopt;
  return Bytes(packet).first(static_cast<std::size_t>(size));
}

/// libsrtp's description of the keys; refers to `keys`, and must not move.
struct Policy {
  Policy(std::span<const SrtpKeys> keys, Srtp::Direction direction) : master_keys(keys.size()) {
    set_crypto(keys.front().profile, policy);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      master_keys[i] = {bytes_of(keys[i].key_and_salt), bytes_of(keys[i].mki),
                        static_cast<unsigned>(keys[i].mki.size())};
      pointers.push_back(&master_keys[i]);
    }
    policy.keys = pointers.data();
    policy.num_master_keys = pointers.size();
    policy.ssrc.type = direction == Srtp::Direction::receive ? ssrc_any_inbound : ssrc_any_outbound;
    policy.window_size = kReplayWindow;
    policy.allow_repeat_tx = 1;
  }
  /// libsrtp copies what it is given.
  static unsigned char* bytes_of(const std::vector<std::byte>& from) {
    return const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(from.data()));
  }
  std::vector<srtp_master_key_t> master_keys;
  std::vector<srtp_master_key_t*> pointers;
  srtp_policy_t policy{};
};

bool fit_together(std::span<const SrtpKeys> keys) {
  const auto like_first = [&](const SrtpKeys& one) {
    return one.profile == keys.front().profile && one.mki.size() == keys.front().mki.size() &&
           one.key_and_salt.size() == srtp_key_size(one.profile) + srtp_salt_size(one.profile);
  };
  return !keys.empty() && std::ranges::all_of(keys, like_first) &&
         (keys.size() == 1 || !keys.front().mki.empty()) && keys.front().mki.size() <= Srtp::kMaxMki &&
         keys.size() <= SRTP_MAX_NUM_MASTER_KEYS;
}

}  // namespace

Result<Srtp> Srtp::create(std::span<const SrtpKeys> keys, Direction direction) {
  if (!fit_together(keys)) return fail(Errc::invalid_argument, "The SRTP keys have wrong lengths.");
  if (!library_ready()) return fail(Errc::internal, "The SRTP library does not start.");
  const Policy policy(keys, direction);
  srtp_t context = nullptr;
  if (srtp_create(&context, &policy.policy) != srtp_err_status_ok)
    return fail(Errc::internal, "The SRTP library refuses the negotiated keys.");
  Srtp out;
  out.context_ = context;
  out.mki_ = !keys.front().mki.empty();
  return out;
}

Srtp::Srtp(Srtp&& other) noexcept : context_(std::exchange(other.context_, nullptr)), mki_(other.mki_) {}
Srtp& Srtp::operator=(Srtp&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(mki_, other.mki_);
  return *this;
}
Srtp::~Srtp() {
  if (context_ != nullptr) srtp_dealloc(handle(context_));
}

std::optional<Bytes> Srtp::unprotect_rtp(std::span<std::byte> packet, Failure& why) noexcept {
  int size = static_cast<int>(packet.size());
  const auto status = srtp_unprotect_mki(handle(context_), packet.data(), &size, mki_);
  return shortened(packet, size, status, why);
}
std::optional<Bytes> Srtp::unprotect_rtcp(std::span<std::byte> packet, Failure& why) noexcept {
  int size = static_cast<int>(packet.size());
  const auto status = srtp_unprotect_rtcp_mki(handle(context_), packet.data(), &size, mki_);
  return shortened(packet, size, status, why);
}
void Srtp::forget(std::uint32_t ssrc) noexcept {
  if (context_ != nullptr) (void)srtp_remove_stream(handle(context_), ssrc);
}
std::optional<Bytes> Srtp::protect_rtp(std::span<std::byte> buffer, std::size_t packet_size) noexcept {
  if (packet_size + kOverhead > buffer.size()) return std::nullopt;
  int size = static_cast<int>(packet_size);
  const auto status = srtp_protect_mki(handle(context_), buffer.data(), &size, mki_, 0);
  Failure why{};
  return shortened(buffer, size, status, why);
}
std::optional<Bytes> Srtp::protect_rtcp(std::span<std::byte> buffer, std::size_t packet_size) noexcept {
  if (packet_size + kOverhead > buffer.size()) return std::nullopt;
  int size = static_cast<int>(packet_size);
  const auto status = srtp_protect_rtcp_mki(handle(context_), buffer.data(), &size, mki_, 0);
  Failure why{};
  return shortened(buffer, size, status, why);
}

}  // namespace rtpx
