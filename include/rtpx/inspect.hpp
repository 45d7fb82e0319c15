#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"

/// What a recording holds and how good it is: the structures behind `rtpx inspect`, `rtpx report` and the
/// `<file>.report.json` beside each converted file (docs/report-schema.md). Times are milliseconds on the
/// recording's timeline, whose zero is the recording's first media, unless a name says otherwise.
namespace rtpx {

/// A stretch of time without the media that should be, or could have been, there.
struct ReportGap {
  enum class Kind : std::uint8_t {
    loss,   ///< packets were lost for good
    dtx,    ///< the sender had nothing to say: numbers go on, time jumps (discontinuous transmission)
    mute,   ///< no audio packets for a long time, numbers go on
    pause,  ///< the sender stopped and went on later: time stood still, or no video packets for a long time
  };
  Kind kind = Kind::loss;
  double start_ms = 0, duration_ms = 0;
  std::uint64_t packets = 0;  ///< lost packets; 0 for the other kinds
};

/// A frame that was not written, or written although it will not decode cleanly.
struct ReportFrame {
  double time_ms = 0;
  std::string
      reason;  ///< "incomplete", "malformed", "before_keyframe", "layer", "encrypted", "reference_lost"
  std::string detail;  ///< may be empty
};

/// A change of the picture or the codec in mid-track.
struct ReportChange {
  double time_ms = 0;
  std::string what;  ///< "resolution", "parameters", "codec", "rotation", "layer"
  std::string from, to;
};

/// A run of packets of one SSRC whose numbers and RTP time belong together.
struct ReportSegment {
  std::uint32_t ssrc = 0;
  std::string why;  ///< "start", "new_ssrc", "sequence_restart", "timestamp_jump", "clock_rate"
  double start_ms = 0, end_ms = 0;
  std::uint64_t packets = 0;
  std::string clock_source;  ///< "sender_reports", "capture_time", "arrival"
  double residual_ms = 0, drift_ppm = 0;
  /// Of its RTP time, Hz: as its packets show, and as was negotiated.
  std::uint32_t clock_rate = 0, negotiated_rate = 0;
};

/// A step of a track's time against its RTP time: the sender's clock stood still (a pause, a hold) or leapt.
struct ReportStep {
  double time_ms = 0;      ///< where it begins
  double duration_ms = 0;  ///< by how much more time went on than RTP time; negative: by how much less
  std::string source;      ///< "sender_reports", "capture_time", "arrival", "event_duration"
  bool slides = false;     ///< too small to be cut: time slides into place around it
};

/// A digit of telephone-event (RFC 4733).
struct ReportDigit {
  double time_ms = 0;
  std::uint8_t event = 0;
  char digit = '?';  ///< "0".."9", "*", "#", "A".."D"; '?' for other events
  double duration_ms = 0;
};

/// A stretch of frames of a track whose frames, or some of them, were encrypted end to end (docs/e2ee.md).
struct ReportEncryption {
  double start_ms = 0, end_ms = 0;  ///< of its first and last frame
  std::uint64_t frames = 0;
  std::string format;  ///< "livekit" (Element Call's too), "jitsi", "medooze", "sframe"; plain: empty
  std::vector<std::uint64_t> key_indexes;  ///< that its frames name
  /// "decrypted"; "no_key": none was given, or none for its key index; "wrong_key": none of those given fits;
  /// "plain": sent plain; "incomplete": packets are missing, so that no key could open it.
  std::string state = "no_key";
  std::string key;             ///< name of the key that opened it
  std::uint64_t ratchets = 0;  ///< how often its owner had ratcheted that key by then
};

/// Packets that took the place of media and cannot be converted.
struct ReportLeftOut {
  std::uint8_t payload_type = 0;
  std::string
      codec;  ///< mime type; empty: the manifest names none for the payload type and none was recognised
  std::uint64_t packets = 0;
  double start_ms = 0, end_ms = 0;
};

/// Losses by number: before repair, what gave packets back, and what stays lost.
struct ReportLoss {
  std::uint64_t before_repair = 0;  ///< missing numbers once late packets have arrived
  std::uint64_t by_rtx = 0, by_red = 0, by_ulpfec = 0, by_flexfec = 0;
  std::uint64_t after_repair = 0;
};

/// One track, or one simulcast layer of a track.
struct TrackReport {
  std::string track_id;
  std::optional<std::string> rid;
  MediaKind kind = MediaKind::video;
  std::vector<std::string> streams;
  std::string participant, participant_name;  ///< id, and name for people; empty where nobody was told apart
  std::string codec;              ///< mime type; empty when nothing was recognised
  bool codec_recognised = false;  ///< from the payload, not from the manifest
  std::string refused;            ///< why the track cannot be converted; empty: it can

  std::uint64_t packets = 0, bytes = 0;  ///< media packets as received, without repair packets and duplicates
  std::uint64_t repair_packets = 0;      ///< RTX and FEC packets stored beside the media
  std::uint64_t unknown_packets = 0;     ///< of payload types that nobody negotiated
  std::uint64_t malformed_packets = 0;   ///< not RTP, or single strays that fit no segment
  std::uint64_t duplicates = 0, reordered = 0;
  std::uint64_t parallel_packets = 0;  ///< left out: of a source that went on sending beside a newer one
  ReportLoss lost;
  std::uint64_t damaged_bytes = 0;  ///< of the record file, skipped while reading
  std::uint64_t torn_bytes = 0;     ///< unfinished record at its end
  std::uint64_t refused_packets = 0;  ///< while it was recorded: the disk was full or too slow, or they belong to no layer
  std::uint64_t missing_packets = 0;  ///< that the manifest counts and the track's files do not hold

  double start_ms = 0, end_ms = 0;  ///< first and last media
  std::uint64_t frames = 0;         ///< complete access units from the first keyframe on
  std::uint64_t keyframes = 0;
  std::uint64_t filled_frames = 0;  ///< written by `gaps fill`, beyond `frames`
  /// Of audio that was transcoded: lost packets whose sound the decoder guessed, and those that it took from
  /// the next packet's in-band FEC (RFC 6716 section 2.1.7, `opus_fec`).
  std::uint64_t concealed_packets = 0, opus_fec_packets = 0;
  std::uint64_t dropped_count = 0, damaged_count = 0;
  std::vector<ReportFrame> dropped, damaged;  ///< the first 10,000 of each
  std::vector<ReportGap> gaps;                ///< in time; the first 10,000
  std::vector<ReportGap> freezes;             ///< no new picture for over 500 ms (video); kind says why
  std::vector<ReportChange> changes;
  std::vector<ReportSegment> segments;
  std::vector<ReportStep> steps;  ///< of time against RTP time, inside segments; the first 10,000
  std::vector<ReportDigit> digits;
  std::vector<ReportEncryption> encryption;
  std::vector<ReportLeftOut> left_out;
  int width = 0, height = 0;  ///< of the first picture
  std::uint32_t sample_rate = 0;
  std::uint16_t channels = 0;

  /// For each second from start_ms on: media bits received, packets lost before and after repair.
  std::vector<std::uint32_t> bits_per_second, lost_per_second, lost_after_repair_per_second;
};

struct RecordingReport {
  std::string recording;           ///< as asked for
  std::optional<UtcTime> started;  ///< wall-clock time of the recording's first media, where known
  double duration_ms = 0;
  std::vector<TrackReport> tracks;
  std::vector<ConvertNote> notes;
};

/// One file of an output.
struct ReportPart {
  std::string file;
  double offset_ms = 0, duration_ms = 0;
};

/// The quality report of one converted file.
struct OutputReport {
  std::string id, file;
  double offset_ms = 0, duration_ms = 0;  ///< over all parts
  std::vector<ReportPart> parts;          ///< `file` first
  std::vector<TrackReport> tracks;
};

struct InspectOptions {
  std::filesystem::path download_path = "./converter/download";
  std::shared_ptr<Downloader> downloader;
  std::shared_ptr<const E2eeKeys> e2ee_keys;             ///< as ConvertOptions::e2ee_keys
  Identities identities;                                 ///< open a sealed recording
  std::function<void(const ConvertProgress&)> progress;  ///< on the calling thread, at most 10 times a second
  std::stop_token stop;
  bool allow_outside = false;  ///< read what the manifest names outside of the folder, and through links
};

/// Reads a recording (a folder, a manifest.json, or an s3:// URL with a downloader) as convert() does, but
/// writes no media. A bad track is reported, not an error.
/// Errors: not_found, malformed, io, cancelled.
[[nodiscard]] Result<RecordingReport> inspect_recording(const std::string& recording,
                                                        const InspectOptions& options = {});

/// As JSON (docs/report-schema.md).
[[nodiscard]] std::string serialize_report(const RecordingReport& report);
[[nodiscard]] std::string serialize_report(const OutputReport& report);

[[nodiscard]] const char* to_string(ReportGap::Kind kind) noexcept;

}  // namespace rtpx
