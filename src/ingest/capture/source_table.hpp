#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "ingest/capture/capture.hpp"
#include "rtp/packet.hpp"

namespace rtpx::capture {

/// What a scan needs to know beforehand.
struct ScanHints {
  std::map<std::uint8_t, std::set<std::uint8_t>> rtx;  ///< RTX payload type to those that it repairs
  std::set<std::uint8_t> flexfec_03;  ///< payload types of draft-ietf-payload-flexible-fec-scheme-03
  std::optional<std::uint8_t> mid, rid, repaired_rid;  ///< header extension ids (RFC 8843, RFC 8852)
};

/// What a scan learns of one RTP source of a capture.
struct Source {
  std::uint32_t ssrc = 0;
  Endpoint source, destination;  ///< of its first packet
  std::uint64_t packets = 0;
  std::uint64_t following = 0;  ///< packets whose numbers go with those of others
  std::map<std::uint8_t, std::uint64_t> payload_types;
  std::string mid, rid, repaired_rid;  ///< as its header extensions said first
  std::string cname;
  std::set<std::uint32_t> protects;  ///< SSRCs that its FEC headers name
  std::map<std::size_t, std::uint64_t>
      repairs;             ///< other sources whose numbers its RTX packets carry, with votes
  bool rtp = true;         ///< false: most likely other traffic
  bool encrypted = false;  ///< SRTP without a key

  // Shape of the traffic, for a guess at the kind.
  std::uint64_t same_timestamp = 0, payload_bytes = 0;
  std::map<std::uint32_t, std::uint64_t> timestamp_steps;

  std::uint16_t first_sequence = 0, last_sequence = 0;  ///< the last one that goes with others
  std::uint32_t last_timestamp = 0;                      ///< of that packet
  /// A packet far from the run of numbers: a stray, unless the next ones go with it.
  struct Elsewhere {
    std::uint16_t sequence = 0;
    std::uint32_t timestamp = 0;
    bool counted = false;  ///< it was the run's before
  };
  std::optional<Elsewhere> elsewhere;
  std::chrono::nanoseconds first_time{0}, last_time{0};
  std::uint64_t first_at = 0, last_at = 0;  ///< positions among the capture's RTP packets

  /// Takes in what was learnt of its packets on another path.
  void add(const Source& other);
  /// Packets that go with no others: of other traffic, or hurt.
  [[nodiscard]] std::uint64_t strays() const noexcept { return packets - std::min(packets, following + 1); }
  [[nodiscard]] std::uint8_t main_payload_type() const;
  /// By how much its RTP time moves on, as a rule; 0: never.
  [[nodiscard]] std::uint32_t usual_step() const;
  [[nodiscard]] MediaKind guess_kind() const;
  [[nodiscard]] std::uint32_t guess_clock_rate() const;
};

/// The RTP sources of a capture. A source is an SSRC. The same SSRC between other addresses is the same
/// source where its numbers go on there (a change of path) or the same packets come again (the capture saw
/// them twice); it is another one where the packets run the other way, or have the same numbers and other
/// contents (two programs that count from the same start).
class SourceTable {
 public:
  static constexpr std::size_t kMaxSources = 65536;

  explicit SourceTable(ScanHints hints) : hints_(std::move(hints)) {}

  void add_rtp(const Datagram& datagram, const RtpPacket& packet);
  void add_rtcp(const Datagram& datagram);
  /// After the last packet: `network` says that other traffic may have been taken for RTP.
  void finish(bool network);

  [[nodiscard]] std::optional<std::size_t> find(const Datagram& datagram, std::uint32_t ssrc) const;
  /// All sources with that SSRC; those of the address the datagram came from, where there are such.
  [[nodiscard]] std::vector<std::size_t> find_all(const Datagram& datagram, std::uint32_t ssrc) const;
  /// All sources of the flow that the datagram belongs to, as RTCP: on the RTP ports, or one above them.
  [[nodiscard]] std::vector<std::size_t> find_flow(const Datagram& datagram) const;
  [[nodiscard]] const std::vector<Source>& sources() const noexcept { return sources_; }
  /// The source is none that can be recorded.
  void leave_out(std::size_t source) { sources_[source].rtp = false; }
  /// Its packets are SRTP that nobody can read.
  void mark_encrypted(std::size_t source) { sources_[source].encrypted = true; }

 private:
  using Key = std::tuple<std::uint32_t, Endpoint, Endpoint>;

  /// The last packets of a source, to tell copies from others with the same numbers.
  struct Recent {
    static constexpr std::size_t kPackets = 64;
    struct Packet {
      std::uint16_t sequence = 0;
      std::uint32_t content = 0;
    };
    std::array<Packet, kPackets> packets{};
    std::size_t count = 0;
  };
  /// What two sources of one SSRC have had in common.
  struct Likeness {
    std::uint64_t equal = 0, different = 0, near = 0, far = 0;
  };

  std::optional<std::size_t> place(const Datagram& datagram, const RtpPacket& packet);
  void compare(std::size_t index, const Datagram& datagram, const RtpPacket& packet);
  void note_repair(const RtpPacket& packet, Source& source);
  [[nodiscard]] bool same_source(std::size_t one, std::size_t other) const;
  void merge_paths();

  ScanHints hints_;
  std::vector<Source> sources_;
  std::map<Key, std::size_t> places_;
  std::multimap<std::uint32_t, std::size_t> by_ssrc_;
  std::vector<Recent> recent_;                                          // by source
  std::map<std::pair<std::size_t, std::size_t>, Likeness> likenesses_;  // the earlier source first
  std::uint64_t rtp_packets_ = 0;
};

/// The SSRCs that an RTCP compound packet is about: those who sent its parts, said goodbye or are described,
/// and `reported` by feedback and report blocks. Total; encrypted packets answer their sender.
struct RtcpSubjects {
  std::vector<std::uint32_t> senders, reported;
};
[[nodiscard]] RtcpSubjects rtcp_subjects(Bytes compound);

}  // namespace rtpx::capture
