#include "support/webrtc_publisher.hpp"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

#include "base/random_text.hpp"
#include "ingest/webrtc/stun.hpp"
#include "rtp/packet.hpp"

namespace rtpx::test {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// Replaces the value of every "a=<name>:" line.
void replace_attribute(std::string& sdp, const std::string& name, const std::string& value) {
  const std::string start = "a=" + name + ":";
  for (std::size_t at = sdp.find(start); at != std::string::npos; at = sdp.find(start, at + start.size())) {
    const std::size_t from = at + start.size();
    sdp.replace(from, sdp.find_first_of("\r\n", from) - from, value);
  }
}

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return *std::move(result);
}

stun::TransactionId random_transaction() {
  stun::TransactionId out{};
  std::ranges::copy(as_bytes(random_text(out.size())), out.begin());
  return out;
}

}  // namespace

std::string browser_offer(bool simulcast) {
  std::string sdp =
      "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n"
      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
      "a=ice-ufrag:x\r\na=ice-pwd:x\r\na=fingerprint:x\r\na=setup:actpass\r\na=mid:0\r\n"
      "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
      "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
      "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
      "a=sendonly\r\na=msid:stream audio-track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
      "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n"
      "a=ssrc:1001 cname:c\r\n"
      "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\n"
      "a=ice-ufrag:x\r\na=ice-pwd:x\r\na=fingerprint:x\r\na=setup:actpass\r\na=mid:1\r\n"
      "a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
      "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
      "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
      "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n"
      "a=sendonly\r\na=msid:stream video-track\r\na=rtcp-mux\r\na=rtcp-rsize\r\n"
      "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 goog-remb\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 ccm "
      "fir\r\n"
      "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
  sdp += simulcast ? "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n"
                   : "a=ssrc-group:FID 2001 2002\r\na=ssrc:2001 cname:c\r\na=ssrc:2002 cname:c\r\n";
  return sdp;
}

std::vector<std::byte> make_rtp(std::uint8_t payload_type, std::uint16_t sequence, std::uint32_t timestamp,
                                std::uint32_t ssrc, std::size_t size,
                                const std::vector<std::pair<std::uint8_t, std::string>>& extensions) {
  std::vector<std::byte> out(12);
  out[0] = std::byte{static_cast<unsigned char>(extensions.empty() ? 0x80 : 0x90)};
  out[1] = std::byte{payload_type};
  store_be<std::uint16_t>(out.data() + 2, sequence);
  store_be<std::uint32_t>(out.data() + 4, timestamp);
  store_be<std::uint32_t>(out.data() + 8, ssrc);
  if (!extensions.empty()) {
    out.resize(16);
    for (const auto& [id, value] : extensions) {
      out.push_back(static_cast<std::byte>(id << 4 | (value.size() - 1)));
      const Bytes bytes = as_bytes(value);
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    while (out.size() % 4 != 0) out.push_back(std::byte{0});
    store_be<std::uint16_t>(out.data() + 12, std::uint16_t{0xBEDE});
    store_be<std::uint16_t>(out.data() + 14, static_cast<std::uint16_t>((out.size() - 16) / 4));
  }
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(sequence + i));
  return out;
}

WebRtcPublisher::WebRtcPublisher(const std::string& offer, std::shared_ptr<DtlsContext> certificate)
    : offer_(offer),
      ufrag_(random_text(4)),
      pwd_(random_text(24)),
      certificate_(certificate ? std::move(certificate) : value_or_throw(DtlsContext::create())),
      socket_(value_or_throw(UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 1U << 20))) {
  replace_attribute(offer_, "ice-ufrag", ufrag_);
  replace_attribute(offer_, "ice-pwd", pwd_);
  replace_attribute(offer_, "fingerprint",
                    certificate_->fingerprint().hash + " " + certificate_->fingerprint().value);
}

void WebRtcPublisher::take_answer(std::string_view answer) {
  answer_ = value_or_throw(sdp::parse(answer));
  for (const sdp::Media& media : answer_.media)
    for (const sdp::Candidate& candidate : media.candidates)
      if (candidate.address == "127.0.0.1")
        server_ = *SocketAddress::parse(candidate.address, candidate.port);
  std::vector<CertificateFingerprint> expected;
  for (const sdp::Fingerprint& one : answer_.media.front().transport.fingerprints)
    expected.push_back({one.hash, one.value});
  passive_ = answer_.media.front().transport.setup == "active";
  dtls_ = std::make_unique<Dtls>(certificate_, passive_ ? Dtls::Role::server : Dtls::Role::client, expected,
                                 [this](Bytes out) { send_raw(out); });
}

void WebRtcPublisher::send_check(bool use_candidate) {
  send_raw(make_check(use_candidate));
}

std::vector<std::byte> WebRtcPublisher::make_check(bool use_candidate) const {
  const sdp::Transport& remote = answer_.media.front().transport;
  stun::Writer request(stun::Type::binding_request, random_transaction());
  request.username(remote.ice_ufrag + ":" + ufrag_);
  request.priority(1);
  request.ice_controlling(7);
  if (use_candidate) request.use_candidate();
  const Bytes bytes = request.finish(remote.ice_pwd);
  return {bytes.begin(), bytes.end()};
}

void WebRtcPublisher::start_dtls() {
  if (!passive_) dtls_->start();
}

bool WebRtcPublisher::connect(std::string_view answer) {
  take_answer(answer);
  send_check();
  if (!poll_until([&] { return stun_successes > 0; })) return false;
  start_dtls();
  return poll_until([&] { return connected(); });
}

void WebRtcPublisher::send(Bytes rtp) {
  std::vector<std::byte> packet(rtp.begin(), rtp.end());
  const auto ssrc = load_be<std::uint32_t>(packet.data() + 8);
  const auto sequence = load_be<std::uint16_t>(packet.data() + 2);
  auto& kept = sent_[ssrc];
  const bool dropped = drop && drop(packet);
  if (history > 0) {
    kept[sequence] = std::move(packet);
    kept.erase(static_cast<std::uint16_t>(sequence - history));
  }
  if (!dropped) protect_and_send(rtp);
}

void WebRtcPublisher::protect_and_send(Bytes rtp) {
  scratch_.assign(rtp.begin(), rtp.end());
  scratch_.resize(rtp.size() + Srtp::kOverhead);
  if (const auto cipher = outbound_.protect_rtp(scratch_, rtp.size())) send_raw(*cipher);
}

void WebRtcPublisher::send_rtcp(Bytes compound) {
  scratch_.assign(compound.begin(), compound.end());
  scratch_.resize(compound.size() + Srtp::kOverhead);
  if (const auto cipher = outbound_.protect_rtcp(scratch_, compound.size())) send_raw(*cipher);
}

void WebRtcPublisher::send_raw(Bytes datagram) {
  const bool media = !datagram.empty() && static_cast<std::uint8_t>(datagram[0]) >= 128;
  if (media && lose && lose(true)) return;
  if (on_send) on_send(datagram);
  send_unseen(datagram);
}

void WebRtcPublisher::change_port() {
  socket_ = value_or_throw(UdpSocket::bind(*SocketAddress::parse("127.0.0.1", 0), 1U << 20));
}

void WebRtcPublisher::close() {
  dtls_->close();
}

/// RFC 4588 section 4, or the packet as it was.
void WebRtcPublisher::resend(std::uint32_t ssrc, std::uint16_t sequence) {
  const auto kept = sent_[ssrc].find(sequence);
  if (kept == sent_[ssrc].end()) return;
  const auto repair = rtx.find(ssrc);
  if (repair == rtx.end()) {
    protect_and_send(kept->second);
    return;
  }
  const auto packet = parse_rtp(kept->second);
  const std::size_t head = static_cast<std::size_t>(packet->payload.data() - kept->second.data());
  std::vector<std::byte> out(kept->second.begin(), kept->second.begin() + static_cast<std::ptrdiff_t>(head));
  out[1] = (out[1] & std::byte{0x80}) | std::byte{repair->second.second};
  store_be<std::uint16_t>(out.data() + 2, rtx_sequence_[ssrc]++);
  store_be<std::uint32_t>(out.data() + 8, repair->second.first);
  out.resize(head + 2);
  store_be<std::uint16_t>(out.data() + head, sequence);
  out.insert(out.end(), packet->payload.begin(), packet->payload.end());
  protect_and_send(out);
}

void WebRtcPublisher::on_datagram(std::span<std::byte> datagram) {
  if (datagram.empty()) return;
  const auto first = static_cast<std::uint8_t>(datagram[0]);
  if (first < 4) {
    const auto message = stun::parse(datagram);
    if (!message) return;
    if (message->type == stun::Type::binding_success &&
        stun::has_integrity(datagram, *message, answer_.media.front().transport.ice_pwd))
      ++stun_successes;
    if (message->type == stun::Type::binding_error) stun_error = message->error_code;
    if (message->type == stun::Type::binding_request) answer_check(*message);
  } else if (first >= 20 && first < 64) {
    dtls_bytes += datagram.size();
    if (deaf_to_dtls) return;
    dtls_->receive(datagram);
    if (dtls_->state() == Dtls::State::connected && !outbound_) {
      inbound_ = value_or_throw(Srtp::create(dtls_->remote_keys(), Srtp::Direction::receive));
      outbound_ = value_or_throw(Srtp::create(dtls_->local_keys(), Srtp::Direction::send));
    }
  } else if (inbound_ && !(lose && lose(false))) {
    Srtp::Failure why{};
    if (const auto plain = inbound_.unprotect_rtcp(datagram, why)) on_rtcp(*plain);
  }
}

/// A full ICE agent checks us too (RFC 8445 section 7.3).
void WebRtcPublisher::answer_check(const stun::Message& request) {
  stun::Writer success(stun::Type::binding_success, request.transaction);
  success.xor_mapped_address(server_);
  socket_.send(success.finish(pwd_), server_);
}

void WebRtcPublisher::on_rtcp(Bytes compound) {
  const auto blocks = rtcp::split(compound);
  for (const rtcp::Block& block : blocks) {
    if (reads_only_first_packet && &block != &blocks.front()) break;
    if (block.type == 201) ++receiver_reports;
    if (block.type == 206 && block.count == 15) ++remb;
    if (const auto media = rtcp::read_pli(block)) keyframe_requests.push_back(*media);
    if (auto report = read_transport_cc(block)) transport_cc.push_back(*std::move(report));
    if (const auto request = rtcp::read_nack(block)) {
      nacks_alone += blocks.size() == 1 ? 1 : 0;
      nacks_in_company += blocks.size() == 1 ? 0 : 1;
      for (const std::uint16_t sequence : request->sequences) {
        nacked.emplace_back(request->media, sequence);
        if (answer_nacks) resend(request->media, sequence);
      }
    }
  }
}

void WebRtcPublisher::poll(std::chrono::milliseconds duration) {
  const auto end = Clock::now() + duration;
  while (true) {
    for (auto batch = socket_.receive(); !batch.empty(); batch = socket_.receive())
      for (const Datagram& datagram : batch) on_datagram(datagram.bytes);
    if (dtls_)
      if (const auto left = dtls_->next_timer(); left && *left <= 0us) dtls_->on_timer();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    if (left <= 0ms) return;
    pollfd waiting{socket_.fd(), POLLIN, 0};
    (void)::poll(&waiting, 1, static_cast<int>(std::min(left, 20ms).count()));
  }
}

bool WebRtcPublisher::poll_until(const std::function<bool()>& done) {
  const auto end = Clock::now() + 5s;
  while (!done() && Clock::now() < end) poll(5ms);
  return done();
}

}  // namespace rtpx::test
