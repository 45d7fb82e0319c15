#include "ingest/srtp/srtp.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ingest/srtp/replay_window.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kRtpHeader = 12, kRtcpClear = 8, kIndexWord = 4;
constexpr std::uint32_t kEncryptedRtcp = 0x80000000, kLastRtcpIndex = 0x7FFFFFFF;
constexpr std::uint64_t kRollover = 0x10000, kHalf = 0x8000, kLastIndex = 0xFFFFFFFFFFFF;

struct DerivedKey {
  std::vector<std::byte> mki;
  SrtpCipher rtp, rtcp;
};

struct Source {
  ReplayWindow<8192> rtp;
  ReplayWindow<128> rtcp;  // also counts what is sent
  std::uint64_t last_use = 0;
};

/// Bytes of the header with CSRCs and extension (RFC 3550 section 5): what stays clear.
std::optional<std::size_t> rtp_header_size(Bytes packet) {
  if (packet.size() < kRtpHeader) return std::nullopt;
  std::size_t size = kRtpHeader + 4U * (u8(packet[0]) & 15U);
  if ((u8(packet[0]) & 0x10U) != 0) {
    if (packet.size() < size + 4) return std::nullopt;
    size += 4 + 4U * load_be<std::uint16_t>(packet.data() + size + 2);
  }
  return size <= packet.size() ? std::optional(size) : std::nullopt;
}

/// RFC 3711 section 3.3.1. There is no packet before the first rollover counter.
std::uint64_t estimate_index(std::uint64_t highest, std::uint16_t sequence) {
  const std::uint64_t base = highest & ~(kRollover - 1);
  const std::uint64_t known = highest & (kRollover - 1);
  if (known < kHalf)
    return sequence > known + kHalf && base != 0 ? base - kRollover + sequence : base + sequence;
  return known - kHalf > sequence ? base + kRollover + sequence : base + sequence;
}

std::array<std::byte, 4> rollover_counter(std::uint64_t index) {
  std::array<std::byte, 4> out{};
  store_be<std::uint32_t>(out.data(), static_cast<std::uint32_t>(index >> 16));
  return out;
}

bool fit_together(std::span<const SrtpKeys> keys) {
  const auto like_first = [&](const SrtpKeys& one) {
    return one.profile == keys.front().profile && one.mki.size() == keys.front().mki.size() &&
           one.key_and_salt.size() == srtp_key_size(one.profile) + srtp_salt_size(one.profile);
  };
  return !keys.empty() && keys.size() <= Srtp::kMaxKeys && std::ranges::all_of(keys, like_first) &&
         (keys.size() == 1 || !keys.front().mki.empty()) && keys.front().mki.size() <= Srtp::kMaxMki;
}

std::optional<DerivedKey> make_key(const SrtpKeys& master, SrtpCipher::Direction direction) {
  const auto make = [&](SrtpProtocol protocol) {
    const auto session = derive_session_keys(master, protocol);
    return session ? SrtpCipher::create(master.profile, protocol, *session, direction) : std::nullopt;
  };
  auto rtp = make(SrtpProtocol::rtp), rtcp = make(SrtpProtocol::rtcp);
  if (!rtp || !rtcp) return std::nullopt;
  return DerivedKey{master.mki, *std::move(rtp), *std::move(rtcp)};
}

}  // namespace

struct Srtp::Context {
  std::vector<DerivedKey> keys;
  std::unordered_map<std::uint32_t, Source> sources;
  std::uint64_t uses = 0;
  std::vector<std::byte> first_packet;  // as it came

  [[nodiscard]] std::size_t mki_size() const { return keys.front().mki.size(); }

  /// By the MKI, which ends `before` bytes before the packet's end.
  DerivedKey* key_of(Bytes packet, std::size_t before) {
    if (mki_size() == 0) return &keys.front();
    if (packet.size() < mki_size() + before) return nullptr;
    const Bytes mki = packet.subspan(packet.size() - mki_size() - before, mki_size());
    const auto found =
        std::ranges::find_if(keys, [&](const DerivedKey& one) { return std::ranges::equal(one.mki, mki); });
    return found == keys.end() ? nullptr : &*found;
  }

  Source* find(std::uint32_t ssrc) {
    const auto found = sources.find(ssrc);
    return found == sources.end() ? nullptr : &found->second;
  }

  /// After authentication only.
  Source& source(std::uint32_t ssrc) {
    const auto found = sources.find(ssrc);
    if (found == sources.end() && sources.size() >= kMaxSources)
      sources.erase(
          std::ranges::min_element(sources, {}, [](const auto& one) { return one.second.last_use; }));
    Source& out = found == sources.end() ? sources[ssrc] : found->second;
    out.last_use = ++uses;
    return out;
  }
};

Srtp::Srtp() noexcept = default;
Srtp::Srtp(Srtp&&) noexcept = default;
Srtp& Srtp::operator=(Srtp&&) noexcept = default;
Srtp::~Srtp() = default;

Result<Srtp> Srtp::create(std::span<const SrtpKeys> keys, Direction direction) {
  if (!fit_together(keys)) return fail(Errc::invalid_argument, "The SRTP keys have wrong lengths.");
  Srtp out;
  out.context_ = std::make_unique<Context>();
  for (const SrtpKeys& master : keys) {
    auto key = make_key(master, direction);
    if (!key) return fail(Errc::internal, "OpenSSL refuses the negotiated SRTP keys.");
    out.context_->keys.push_back(*std::move(key));
  }
  return out;
}

/// RFC 3711 section 3.1: header, text, MKI, tag. With AEAD (RFC 7714 section 8.2): header, text, tag, MKI.
std::optional<Bytes> Srtp::unprotect_rtp(std::span<std::byte> packet, Failure& why) noexcept {
  Context& own = *context_;
  why = Failure::refused;
  const auto header = rtp_header_size(packet);
  const SrtpCipher& any = own.keys.front().rtp;
  const std::size_t tag = any.tag_size(), end = tag + own.mki_size();
  DerivedKey* const key = header ? own.key_of(packet, any.aead() ? 0 : tag) : nullptr;
  if (key == nullptr || packet.size() < *header + end) return std::nullopt;
  const std::size_t size = packet.size() - end;
  const Bytes tag_bytes = Bytes(packet).subspan(any.aead() ? size : packet.size() - tag, tag);
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  const auto ssrc = load_be<std::uint32_t>(packet.data() + 8);

  const Source* const known = own.find(ssrc);
  const bool started = known != nullptr && known->rtp.started();
  std::uint64_t index = started ? estimate_index(known->rtp.highest(), sequence) : sequence;
  if (started && (known->rtp.too_old(index) || known->rtp.seen(index))) {
    why = Failure::replayed;
    return std::nullopt;
  }
  const auto open = [&] {
    const auto rollover = rollover_counter(index);
    return index <= kLastIndex && key->rtp.open({ssrc, index}, packet.first(size), *header,
                                                any.aead() ? Bytes() : Bytes(rollover), tag_bytes);
  };
  // All packets of a sender that began just before 65535 may be lost up to its first rollover.
  const bool may_have_rolled_over = !started && sequence < kHalf;
  if (may_have_rolled_over) own.first_packet.assign(packet.begin(), packet.end());
  bool authentic = open();
  if (!authentic && may_have_rolled_over) {
    std::ranges::copy(own.first_packet, packet.begin());
    index += kRollover;
    authentic = open();
  }
  if (!authentic) return std::nullopt;
  own.source(ssrc).rtp.add(index);
  why = Failure::none;
  return Bytes(packet).first(size);
}

/// RFC 3711 section 3.4: header, text, E and index, MKI, tag. With AEAD (RFC 7714 section 9.2): header, text,
/// tag, E and index, MKI. What is not encrypted (E is 0) is refused: nobody negotiates that.
std::optional<Bytes> Srtp::unprotect_rtcp(std::span<std::byte> packet, Failure& why) noexcept {
  Context& own = *context_;
  why = Failure::refused;
  const SrtpCipher& any = own.keys.front().rtcp;
  const std::size_t tag = any.tag_size(), end = tag + kIndexWord + own.mki_size();
  DerivedKey* const key = own.key_of(packet, any.aead() ? 0 : tag);
  if (key == nullptr || packet.size() < kRtcpClear + end) return std::nullopt;
  const std::size_t size = packet.size() - end;
  const Bytes tag_bytes = Bytes(packet).subspan(any.aead() ? size : packet.size() - tag, tag);
  const Bytes word = Bytes(packet).subspan(any.aead() ? size + tag : size, kIndexWord);
  const auto index = load_be<std::uint32_t>(word.data());
  const auto ssrc = load_be<std::uint32_t>(packet.data() + 4);
  if ((index & kEncryptedRtcp) == 0) return std::nullopt;
  const std::uint32_t number = index & ~kEncryptedRtcp;
  if (const Source* const known = own.find(ssrc);
      known != nullptr && (known->rtcp.too_old(number) || known->rtcp.seen(number))) {
    why = Failure::replayed;
    return std::nullopt;
  }
  if (!key->rtcp.open({ssrc, number}, packet.first(size), kRtcpClear, word, tag_bytes)) return std::nullopt;
  own.source(ssrc).rtcp.add(number);
  why = Failure::none;
  return Bytes(packet).first(size);
}

void Srtp::forget(std::uint32_t ssrc) noexcept {
  if (context_) context_->sources.erase(ssrc);
}

std::optional<Bytes> Srtp::protect_rtp(std::span<std::byte> buffer, std::size_t size) noexcept {
  if (size + kOverhead > buffer.size()) return std::nullopt;
  Context& own = *context_;
  DerivedKey& key = own.keys.front();
  const std::span<std::byte> packet = buffer.first(size);
  const auto header = rtp_header_size(packet);
  if (!header) return std::nullopt;
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  const auto ssrc = load_be<std::uint32_t>(packet.data() + 8);
  Source& source = own.source(ssrc);
  const std::uint64_t index =
      source.rtp.started() ? estimate_index(source.rtp.highest(), sequence) : sequence;
  if (source.rtp.too_old(index) || index > kLastIndex) return std::nullopt;
  source.rtp.add(index);

  const bool aead = key.rtp.aead();
  const std::size_t tag = key.rtp.tag_size(), mki = key.mki.size();
  const auto rollover = rollover_counter(index);
  if (!key.rtp.seal({ssrc, index}, packet, *header, aead ? Bytes() : Bytes(rollover),
                    buffer.subspan(size + (aead ? 0 : mki), tag)))
    return std::nullopt;
  std::ranges::copy(key.mki, buffer.begin() + static_cast<std::ptrdiff_t>(size + (aead ? tag : 0)));
  return Bytes(buffer).first(size + tag + mki);
}

std::optional<Bytes> Srtp::protect_rtcp(std::span<std::byte> buffer, std::size_t size) noexcept {
  if (size < kRtcpClear || size + kOverhead > buffer.size()) return std::nullopt;
  Context& own = *context_;
  DerivedKey& key = own.keys.front();
  const auto ssrc = load_be<std::uint32_t>(buffer.data() + 4);
  Source& source = own.source(ssrc);
  const std::uint64_t number = source.rtcp.highest() + 1;
  if (number > kLastRtcpIndex) return std::nullopt;
  source.rtcp.add(number);

  const bool aead = key.rtcp.aead();
  const std::size_t tag = key.rtcp.tag_size(), mki = key.mki.size();
  const std::size_t word_at = size + (aead ? tag : 0), mki_at = word_at + kIndexWord;
  const std::span<std::byte> word = buffer.subspan(word_at, kIndexWord);
  store_be<std::uint32_t>(word.data(), static_cast<std::uint32_t>(number) | kEncryptedRtcp);
  if (!key.rtcp.seal({ssrc, number}, buffer.first(size), kRtcpClear, word,
                     buffer.subspan(aead ? size : mki_at + mki, tag)))
    return std::nullopt;
  std::ranges::copy(key.mki, buffer.begin() + static_cast<std::ptrdiff_t>(mki_at));
  return Bytes(buffer).first(size + tag + kIndexWord + mki);
}

}  // namespace rtpx
