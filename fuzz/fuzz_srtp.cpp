// SRTP and SRTCP against libsrtp2: a script of packets is protected by both, byte for byte alike, damaged,
// reordered, repeated, and opened by both, which must agree on what is authentic and on what was in it. What
// is left of the input is opened as it is.
#include <algorithm>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/srtp/srtp.hpp"
#include "require.hpp"
#include "support/reference_srtp.hpp"

using namespace rtpx;

namespace {

constexpr std::size_t kMostSteps = 64;

struct Both {
  explicit Both(std::span<const SrtpKeys> keys)
      : out(std::move(Srtp::create(keys, Srtp::Direction::send).value())),
        in(std::move(Srtp::create(keys, Srtp::Direction::receive).value())),
        reference_out(keys, Srtp::Direction::send),
        reference_in(keys, Srtp::Direction::receive) {}

  std::optional<std::vector<std::byte>> protect(const std::vector<std::byte>& plain, bool rtcp) {
    std::vector<std::byte> own(plain.size() + Srtp::kOverhead), theirs(own.size());
    std::ranges::copy(plain, own.begin());
    std::ranges::copy(plain, theirs.begin());
    const auto one = rtcp ? out.protect_rtcp(own, plain.size()) : out.protect_rtp(own, plain.size());
    const auto other = rtcp ? reference_out.protect_rtcp(theirs, plain.size())
                            : reference_out.protect_rtp(theirs, plain.size());
    require(one.has_value() == other.has_value());
    if (!one) return std::nullopt;
    require(std::ranges::equal(*one, *other));
    return std::vector<std::byte>(one->begin(), one->end());
  }

  void open(const std::vector<std::byte>& cipher, bool rtcp) {
    std::vector<std::byte> own = cipher, theirs = cipher;
    Srtp::Failure why{}, reference_why{};
    const auto one = rtcp ? in.unprotect_rtcp(own, why) : in.unprotect_rtp(own, why);
    const auto other = rtcp ? reference_in.unprotect_rtcp(theirs, reference_why)
                            : reference_in.unprotect_rtp(theirs, reference_why);
    require(one.has_value() == (why == Srtp::Failure::none));
    if (one && !other && !rtcp && u8(cipher[2]) < 0x80) {
      // Ours knows that the first packet of an SSRC may come after its first rollover.
      const auto ssrc = load_be<std::uint32_t>(cipher.data() + 8);
      in.forget(ssrc);
      reference_in.forget(ssrc);
      return;
    }
    require(one.has_value() == other.has_value());
    if (one) require(std::ranges::equal(*one, *other));
  }

  Srtp out, in;
  test::ReferenceSrtp reference_out, reference_in;
};

std::vector<std::byte> make_packet(ByteReader& script, bool rtcp) {
  const std::uint8_t shape = script.u8(), ssrc = script.u8() & 3U;
  const std::uint16_t sequence = script.u16();
  const std::size_t text = script.u8();
  std::vector<std::byte> out(rtcp ? 8 : 12);
  out[0] = static_cast<std::byte>(0x80U | (rtcp ? 0 : shape & 0x11U));
  out[1] = static_cast<std::byte>(rtcp ? 200 : 96);
  store_be<std::uint16_t>(out.data() + 2, sequence);
  out[rtcp ? 7 : 11] = static_cast<std::byte>(ssrc);
  if (!rtcp && (shape & 1U) != 0) out.resize(out.size() + 4);  // one CSRC
  if (!rtcp && (shape & 0x10U) != 0) {
    out.resize(out.size() + 8);
    out[out.size() - 5] = std::byte{1};  // an extension of one word
  }
  for (std::size_t i = 0; i < text; ++i) out.push_back(static_cast<std::byte>(i + shape));
  return out;
}

void damage(std::vector<std::byte>& packet, std::uint8_t how, std::uint8_t where) {
  if (packet.empty()) return;
  if (how % 4 == 1) packet[where % packet.size()] ^= static_cast<std::byte>(1U << how / 4 % 8);
  if (how % 4 == 2) packet.resize(where % packet.size());
  if (how % 4 == 3) packet.push_back(static_cast<std::byte>(where));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteReader script(Bytes(reinterpret_cast<const std::byte*>(data), size));
  const std::uint8_t head = script.u8();
  const SrtpProfile profile = test::kSrtpProfiles[head % std::size(test::kSrtpProfiles)];
  // libsrtp2 2.5 looks for SRTCP's MKI where SRTP's would be, which is elsewhere when their tags differ in
  // length.
  const bool short_tag =
      profile == SrtpProfile::aes128_cm_sha1_32 || profile == SrtpProfile::aes256_cm_sha1_32;
  const std::size_t mki = short_tag ? 0 : head >> 6;
  std::vector<SrtpKeys> keys{test::some_srtp_keys(profile, 1, mki)};
  if (mki > 0) keys.push_back(test::some_srtp_keys(profile, 2, mki));
  Both both(keys);

  std::vector<std::byte> before;
  for (std::size_t step = 0; step < kMostSteps && script.remaining() >= 8; ++step) {
    const std::uint8_t kind = script.u8(), how = script.u8();
    const bool rtcp = (kind & 1U) != 0;
    const std::vector<std::byte> plain = make_packet(script, rtcp);
    const auto cipher = both.protect(plain, rtcp);
    if (!cipher) continue;
    std::vector<std::byte> arrives = *cipher;
    if ((kind & 2U) != 0) damage(arrives, how, static_cast<std::uint8_t>(kind >> 2 | how << 6));
    if ((kind & 4U) != 0) both.open(before, (kind & 8U) != 0);  // late, again, or as the wrong protocol
    if ((kind & 16U) == 0) both.open(arrives, rtcp);
    before = arrives;
  }
  const Bytes rest = script.rest();
  both.open({rest.begin(), rest.end()}, false);
  both.open({rest.begin(), rest.end()}, true);
  return 0;
}
