#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "ingest/capture/capture.hpp"
#include "ingest/capture/decryption.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "rtpx/track.hpp"

namespace rtpx::capture {

struct ImportOptions {
  std::filesystem::path capture;
  std::filesystem::path folder;  ///< becomes the recording; must be new or empty
  std::optional<std::filesystem::path> sdp;
  std::optional<std::filesystem::path> key_log;  ///< secrets of DTLS, in NSS's format
  std::vector<Codec> mappings;                   ///< of --map
  LinkTypes link_types;                          ///< of --link-type
  std::function<void(double)> progress;          ///< 0..1, on the calling thread
  std::stop_token stop;
  std::vector<Recipient> recipients;             ///< for whom the recording is sealed; none: it is not
};

struct ImportedTrack {
  MediaStreamTrack track;
  std::vector<std::uint32_t> ssrcs;
  std::uint64_t packets = 0, rtcp_packets = 0;
};

struct ImportSummary {
  Format format = Format::pcap;
  Counts counts;
  std::vector<ImportedTrack> tracks;
  std::uint64_t not_rtp = 0;       ///< datagrams that are neither RTP nor RTCP
  std::uint64_t sealed = 0;        ///< packets of SRTP for which there is no key
  std::uint64_t strays = 0;        ///< of tracks, kept with them: their numbers go with those of no other packet
  std::uint64_t foreign_rtcp = 0;  ///< RTCP of no recorded track
  std::uint64_t refused = 0;       ///< packets that the recorder did not take
  DecryptionCounts decryption;     ///< of SRTP
  bool encrypted = false;          ///< the capture says that its payloads cannot be read
  bool timed = true;               ///< false: arrival times were made from the RTP timestamps
  std::uint64_t wrong_times = 0;     ///< packets whose arrival time was far from those around them
  std::chrono::nanoseconds goes_back{0};  ///< by which the capture's times do at most, from a packet to the next
  std::uint64_t clock_set_back = 0;  ///< times that the capturing machine's clock was, or more than a day ahead: arrival times go on over it
  /// Whose session descriptions were used although none were given: rtpengine's metadata, or the .sdp beside
  /// an rtpdump.
  std::filesystem::path described_by;
};

/// Makes a recording of a capture, through a Recorder. `capture` may be the metadata file of rtpengine, which
/// names its capture. Reads it twice: to find its tracks, and to record
/// them. The folder appears only when it is complete. Errors: not_found, unsupported, malformed (no RTP in
/// it; a broken SDP), already_exists, io, no_space, cancelled.
[[nodiscard]] Result<ImportSummary> import_capture(const ImportOptions& options);

}  // namespace rtpx::capture
