#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/feedback/rtcp_feedback.hpp"
#include "ingest/feedback/transport_cc.hpp"
#include "ingest/net/udp_socket.hpp"
#include "ingest/sdp/sdp.hpp"
#include "ingest/srtp/srtp.hpp"
#include "ingest/webrtc/dtls.hpp"
#include "ingest/webrtc/stun.hpp"

namespace rtpx::test {

/// An offer of one Opus and one VP8 track (with RTX), as a browser writes it. The certificate and the ICE
/// credentials in it are replaced by WebRtcPublisher.
[[nodiscard]] std::string browser_offer(bool simulcast = false);

/// An RTP packet with these fields and a payload of `size` bytes, in which `extensions` (id, value) stand in
/// the one-byte form.
[[nodiscard]] std::vector<std::byte> make_rtp(
    std::uint8_t payload_type, std::uint16_t sequence, std::uint32_t timestamp, std::uint32_t ssrc,
    std::size_t size, const std::vector<std::pair<std::uint8_t, std::string>>& extensions = {});

/// A small WebRTC sender on the loopback interface: controlling ICE, DTLS client (or server, where the answer
/// says setup:active), SRTP; it answers NACKs as a browser does. Single-threaded: things happen inside
/// connect(), send() and poll().
class WebRtcPublisher {
 public:
  /// Takes the offer's transport attributes as its own and replaces their values.
  explicit WebRtcPublisher(const std::string& offer, std::shared_ptr<DtlsContext> certificate = nullptr);

  [[nodiscard]] const std::string& offer() const noexcept { return offer_; }
  /// ICE and DTLS with the first IPv4 loopback candidate of the answer. False after 5 s without success.
  bool connect(std::string_view answer);
  /// The steps of connect(), for tests that do them one by one.
  void take_answer(std::string_view answer);
  void send_check(bool use_candidate = true);
  [[nodiscard]] std::vector<std::byte> make_check(
      bool use_candidate = true) const;  ///< what send_check() sends
  void start_dtls();
  [[nodiscard]] bool connected() const noexcept { return static_cast<bool>(outbound_); }

  void send(Bytes rtp);
  void send_rtcp(Bytes compound);
  void send_raw(Bytes datagram);
  void send_unseen(Bytes datagram) { socket_.send(datagram, server_); }  ///< send_raw() without on_send
  void change_port();                                                    ///< goes on from another address
  void close();                                                          ///< DTLS close_notify
  /// Handles what arrives for this long; 0: what is there.
  void poll(std::chrono::milliseconds duration);
  /// Polls until `done` or 5 s have passed; answers done().
  bool poll_until(const std::function<bool()>& done);

  /// Packets for which this is true are not sent (first transmissions only).
  std::function<bool(const std::vector<std::byte>& rtp)> drop;
  /// Datagrams of SRTP and SRTCP for which this is true are lost on the way, out (resent ones too) and in.
  std::function<bool(bool outgoing)> lose;
  /// RTX stream of a media SSRC: SSRC and payload type. Without one, lost packets are resent as they were.
  std::map<std::uint32_t, std::pair<std::uint32_t, std::uint8_t>> rtx;
  std::function<void(Bytes datagram)> on_send;  ///< sees everything that goes out
  bool answer_nacks = true;
  bool reads_only_first_packet = false;  ///< of a compound, as FFmpeg does
  std::size_t history = 2000;            ///< packets kept for NACKs, per SSRC

  // What came back.
  std::vector<std::pair<std::uint32_t, std::uint16_t>> nacked;  ///< SSRC, sequence number
  std::vector<std::uint32_t> keyframe_requests;                 ///< SSRCs
  std::vector<TransportCcReport> transport_cc;
  bool deaf_to_dtls = false;                          ///< what comes is counted, no more
  std::size_t dtls_bytes = 0;                         ///< received
  std::size_t nacks_alone = 0, nacks_in_company = 0;  ///< datagrams with nothing but a NACK, and others
  std::size_t receiver_reports = 0, remb = 0, stun_successes = 0;
  std::optional<std::uint16_t> stun_error;
  [[nodiscard]] Dtls::State dtls_state() const { return dtls_->state(); }
  [[nodiscard]] const sdp::Session& answer() const { return answer_; }
  [[nodiscard]] const SocketAddress& server() const { return server_; }
  [[nodiscard]] int fd() const { return socket_.fd(); }

 private:
  void on_datagram(std::span<std::byte> datagram);
  void answer_check(const stun::Message& request);
  void on_rtcp(Bytes compound);
  void resend(std::uint32_t ssrc, std::uint16_t sequence);
  void protect_and_send(Bytes rtp);

  std::string offer_, ufrag_, pwd_;
  std::shared_ptr<DtlsContext> certificate_;
  UdpSocket socket_;
  sdp::Session answer_;
  SocketAddress server_;
  std::unique_ptr<Dtls> dtls_;
  bool passive_ = false;
  Srtp inbound_, outbound_;
  std::map<std::uint32_t, std::map<std::uint16_t, std::vector<std::byte>>> sent_;
  std::map<std::uint32_t, std::uint16_t> rtx_sequence_;
  std::vector<std::byte> scratch_;
};

}  // namespace rtpx::test
