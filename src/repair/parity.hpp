#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "repair/repairer.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// A packet that a parity covers.
struct ParityMember {
  std::uint32_t ssrc = 0;
  std::uint16_t sequence_number = 0;
  bool operator==(const ParityMember&) const = default;
};

/// What one FEC packet (or one level of it, RFC 5109) says: the XOR of its members, of their bytes `begin` to
/// `begin + bytes.size()`, counted behind the 12-byte fixed RTP header. The first level has the headers' XOR
/// too.
struct Parity {
  std::vector<ParityMember> members;
  std::size_t begin = 0;
  std::vector<std::byte> bytes;
  bool has_header = true;
  std::uint8_t first_byte = 0;   ///< P, X, CC
  std::uint8_t second_byte = 0;  ///< M, PT
  std::uint32_t timestamp = 0;
  std::uint16_t length = 0;  ///< of what follows the fixed header
  RepairSource source = RepairSource::flexfec;
};

/// The most packets that one parity can cover here (RFC 8627: 110 a mask; rows and columns up to 255).
inline constexpr std::size_t kMaxParityMembers = 512;

/// Solves parities for the packets that are missing, again and again while that gives new ones. Keeps the
/// last packets and parities only: about 4 MB at most.
class ParitySolver {
 public:
  using OnSolved = std::function<void(const RtpPacket&, RepairSource)>;
  /// `header_extensions`: URI to id; the values that change after FEC was computed are taken as zero.
  ParitySolver(const std::map<std::string, std::uint8_t>& header_extensions, OnSolved on_solved);

  /// A packet as it came, never one that RTX gave back (its extensions are others).
  void add_packet(const RtpPacket& packet);
  void add_parity(Parity parity);

 private:
  using Key = std::uint64_t;  // SSRC and sequence number
  using Packet = std::vector<std::byte>;

  struct Waiting {
    Parity parity;
    std::uint64_t born;  // counted in packets
  };
  struct Solved {
    Packet packet;
    RepairSource source;
  };

  Packet& keep(Key key, Bytes packet);
  void forget_from(std::uint32_t ssrc, std::uint16_t sequence_number);
  void retry(Key arrived);
  void retry_all();
  void give_out();
  /// True when nothing more can come of it.
  bool try_solve(const Parity& parity);
  [[nodiscard]] bool rest_of(const ParityMember& member, std::size_t from, Packet& packet) const;
  [[nodiscard]] const Packet* find(const ParityMember& member) const;
  void drop_oldest_parity();

  enum class Changing : std::uint8_t { no, all, last_six };
  Changing changing_[256] = {};
  OnSolved on_solved_;
  std::unordered_map<Key, Packet> packets_;
  std::deque<Key> packet_order_;
  std::size_t packet_bytes_ = 0;
  std::uint64_t packets_seen_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;               // by age
  std::unordered_multimap<Key, std::uint64_t> waits_for_;  // missing packet to parity
  std::deque<Parity> tails_;                               // levels above the first
  std::uint64_t next_parity_ = 0;
  std::size_t parity_bytes_ = 0;
  std::vector<Solved> solved_;  // to be given out and tried in turn
};

}  // namespace rtpx
