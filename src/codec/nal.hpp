#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "codec/video_depacketizer.hpp"

namespace rtpx {

/// The RBSP of a NAL unit without emulation prevention bytes (H.264 section 7.4.1, H.265 section 7.3.1.1), at
/// most `limit` bytes of it.
[[nodiscard]] std::vector<std::byte> unescape_nal(Bytes nal, std::size_t limit = 4096);

/// The payload of the recovery point SEI message (type 6; H.264 section D.1.8, H.265 section D.2.8) of a SEI NAL unit
/// whose header has so many bytes; nullopt: it has none.
[[nodiscard]] std::optional<std::vector<std::byte>> recovery_point_message(Bytes nal, std::size_t header_size);

/// The NAL units of an Annex B stream (H.264, H.265), without start codes and the zeros before them.
[[nodiscard]] std::vector<Bytes> annexb_units(Bytes stream);

/// The first bytes of a NAL unit without emulation prevention: enough for the start of a slice header, and no
/// allocation for each slice.
class NalHead {
 public:
  explicit NalHead(Bytes nal) noexcept;
  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(size_); }

 private:
  std::array<std::byte, 32> bytes_;
  std::size_t size_ = 0;
};

/// Decodes a comma-separated list of base64 NAL units, as sprop-parameter-sets has it (RFC 6184 section 8.1).
/// Entries that are no base64 are left out.
[[nodiscard]] std::vector<std::vector<std::byte>> decode_sprop(std::string_view list);
/// The parameter sets in a codec's format parameters: sprop-parameter-sets of H.264, sprop-vps, sprop-sps and
/// sprop-pps of H.265 (RFC 7798 section 7.1).
[[nodiscard]] std::vector<std::vector<std::byte>> sprop_parameter_sets(const Codec& codec);

/// The parameter sets in force, by kind and id.
class ParameterSets {
 public:
  struct Entry {
    std::uint8_t kind = 0;  ///< NAL unit type
    std::uint32_t id = 0;
    std::vector<std::byte> nal;
  };
  void store(std::uint8_t kind, std::uint32_t id, Bytes nal);
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }  ///< by kind, then id
  [[nodiscard]] const Entry* find(std::uint8_t kind, std::uint32_t id) const noexcept;
  /// Goes up with every change.
  [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }

 private:
  std::vector<Entry> entries_;
  std::uint64_t revision_ = 0;
};

/// What H.264 and H.265 share: samples of NAL units with 4-byte lengths, and parameter sets, which are taken
/// out of the samples because codec_private holds them. Once they change, the file's header no longer tells
/// the truth: then each sample that a change comes with, and each later keyframe, carries all sets in band,
/// so that a file plays through changes and after a seek. MP4 calls that avc3 and hev1; a stream without
/// changes is plain avc1 and hvc1. Who knows of changes beforehand asks for the sets in every keyframe
/// (sets_in_band), so that a player may also seek back to before them.
/// Where a transform comes first, NAL units are looked at only once the whole access unit went through it.
class NalDepacketizer : public VideoDepacketizer {
 protected:
  using VideoDepacketizer::VideoDepacketizer;

 public:
  [[nodiscard]] std::size_t clone_bytes() const final {
    std::size_t bytes = VideoDepacketizer::clone_bytes();
    for (const ParameterSets::Entry& set : sets_.entries()) bytes += set.nal.size();
    return bytes;
  }

 protected:

  bool add_nal(Bytes nal);
  bool begin_fragment(Bytes nal_header, Bytes data);
  bool add_fragment(Bytes data);
  bool end_fragment();
  /// Aggregated NAL units, each after 16 bits of length.
  bool add_aggregate(Bytes units);
  [[nodiscard]] bool fragment_open() const noexcept { return nal_at_ != kNone; }

  void begin() override;
  void finish() final;

  /// A NAL unit is complete, not empty. False: it is not for the sample.
  virtual bool take_nal(Bytes nal) = 0;
  /// The access unit is complete: deliver_sample() or drop() it.
  virtual void finish_sample() = 0;
  /// `config` has the sets in force; it is asked for when they have changed.
  virtual StreamConfig make_config() const = 0;
  void deliver_sample(Frame frame);

  ParameterSets sets_;

 private:
  void put_sets_in_band();
  bool transform_unit();

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t nal_at_ = kNone;  // where the open NAL unit's length is in buffer()
  bool sealed_ = false;         // the open unit is still to be transformed
  bool first_ = true;
  std::uint64_t header_revision_ = 0;     // of the sets when the first sample was delivered
  std::uint64_t delivered_revision_ = 0;  // of the sets that a decoder has by now
};

}  // namespace rtpx
