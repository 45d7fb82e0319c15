#include "ingest/srtp/srtp.hpp"

#include <srtp2/srtp.h>

#include <utility>

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

using Operation = srtp_err_status_t (*)(srtp_t, void*, int*);

std::optional<Bytes> unprotect(void* context, std::span<std::byte> packet, Operation operation,
                               Srtp::Failure& why) noexcept {
  int size = static_cast<int>(packet.size());
  const srtp_err_status_t status = operation(handle(context), packet.data(), &size);
  why = status == srtp_err_status_ok ? Srtp::Failure::none
        : status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old
            ? Srtp::Failure::replayed
            : Srtp::Failure::refused;
  if (status != srtp_err_status_ok) return std::nullopt;
  return Bytes(packet).first(static_cast<std::size_t>(size));
}

std::optional<Bytes> protect(void* context, std::span<std::byte> buffer, std::size_t packet_size,
                             Operation operation) noexcept {
  if (packet_size + Srtp::kOverhead > buffer.size()) return std::nullopt;
  int size = static_cast<int>(packet_size);
  if (operation(handle(context), buffer.data(), &size) != srtp_err_status_ok) return std::nullopt;
  return Bytes(buffer).first(static_cast<std::size_t>(size));
}

}  // namespace

Result<Srtp> Srtp::create(const SrtpKeys& keys, Direction direction) {
  if (keys.key_and_salt.size() != srtp_key_size(keys.profile) + srtp_salt_size(keys.profile))
    return fail(Errc::invalid_argument, "The SRTP key has a wrong length.");
  if (!library_ready()) return fail(Errc::internal, "The SRTP library does not start.");
  srtp_policy_t policy{};
  set_crypto(keys.profile, policy);
  auto key = keys.key_and_salt;
  policy.key = reinterpret_cast<unsigned char*>(key.data());
  policy.ssrc.type = direction == Direction::receive ? ssrc_any_inbound : ssrc_any_outbound;
  policy.window_size = kReplayWindow;
  policy.allow_repeat_tx = 1;
  srtp_t context = nullptr;
  if (srtp_create(&context, &policy) != srtp_err_status_ok)
    return fail(Errc::internal, "The SRTP library refuses the negotiated keys.");
  Srtp out;
  out.context_ = context;
  return out;
}

Srtp::Srtp(Srtp&& other) noexcept : context_(std::exchange(other.context_, nullptr)) {}
Srtp& Srtp::operator=(Srtp&& other) noexcept {
  std::swap(context_, other.context_);
  return *this;
}
Srtp::~Srtp() {
  if (context_ != nullptr) srtp_dealloc(handle(context_));
}

std::optional<Bytes> Srtp::unprotect_rtp(std::span<std::byte> packet, Failure& why) noexcept {
  return unprotect(context_, packet, srtp_unprotect, why);
}
std::optional<Bytes> Srtp::unprotect_rtcp(std::span<std::byte> packet, Failure& why) noexcept {
  return unprotect(context_, packet, srtp_unprotect_rtcp, why);
}
std::optional<Bytes> Srtp::protect_rtp(std::span<std::byte> buffer, std::size_t size) noexcept {
  return protect(context_, buffer, size, srtp_protect);
}
std::optional<Bytes> Srtp::protect_rtcp(std::span<std::byte> buffer, std::size_t size) noexcept {
  return protect(context_, buffer, size, srtp_protect_rtcp);
}

}  // namespace rtpx
