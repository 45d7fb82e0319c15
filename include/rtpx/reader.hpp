#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rtpx/e2ee.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"
#include "rtpx/track.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx {

struct ReaderOptions {
  std::shared_ptr<Downloader> downloader;  ///< for s3:// URLs
  /// For files of a downloader that cannot read ranges.
  std::filesystem::path download_path = "./converter/download";
  /// Takes a file without a name, of packets that RTX, RED or FEC gave back. Empty: the system's folder for
  /// temporary files.
  std::filesystem::path spill_folder;
  /// Silence where sound is missing, as converted files have it: Opus frames without content, zeros.
  bool fill_sound = true;
  std::shared_ptr<const E2eeKeys> e2ee_keys;  ///< open frames that were encrypted end to end; null: left out
  Identities identities;                         ///< open a sealed recording
  std::stop_token stop;                          ///< ends open() and refresh()
  std::function<void(double fraction)> progress;  ///< told 0..1 while the packets are looked through
};

/// A simulcast layer; a track without simulcast has one.
struct ReaderLayer {
  std::optional<std::string> rid;  ///< RFC 8852; nullopt: no simulcast
  std::string mime_type;           ///< of its first media, "video/VP8"; empty: not known
  int width = 0, height = 0;       ///< of its largest picture, as far as headers tell; 0: unknown, or sound
  std::int64_t start_ns = 0, end_ns = 0;  ///< of its media, on the recording's timeline
};

struct ReaderTrack {
  std::string id;
  MediaKind kind = MediaKind::video;
  std::vector<std::string> streams;  ///< ids of its media streams
  std::vector<ReaderLayer> layers;   ///< those with media
  std::string refused;               ///< why nothing of it can be read; empty: it can
};

/// Times are nanoseconds since the timeline's zero, the earliest media of the recording. All tracks share it:
/// what was captured at one time has one time (docs/timing.md).
struct ReaderTimeline {
  std::int64_t duration_ns = 0;    ///< from zero to the last media
  std::optional<UtcTime> started;  ///< wall-clock time at zero, where the recording has a clock anchor
  bool running = false;            ///< it is still being recorded
  /// Before this time nothing changes any more. A finished recording: INT64_MAX. A running one: about two seconds
  /// before its newest media, since packets may come late.
  std::int64_t settled_ns = INT64_MAX;
};

/// A complete access unit (picture, audio packet) in its place, as a decoder takes it: H.264 and H.265 as NAL
/// units with 4 bytes of length each, AV1 as a temporal unit without delimiter, the rest as in RTP (RFC 7741,
/// RFC 9628, RFC 7587, RFC 3551; L16 little-endian). Views live until the next call on its FrameReader.
struct MediaFrame {
  std::span<const std::byte> data;
  std::int64_t time_ns = 0;
  std::int64_t duration_ns = 0;  ///< 0: unknown (pictures)
  bool keyframe = false;         ///< decoding can begin here; sound always
  bool damaged = false;          ///< something that it refers to is lost: it will not decode cleanly
  bool after_loss = false;       ///< pictures that were sent are missing before it
  bool filler = false;           ///< not from the recording: silence where sound is missing

  std::string_view mime_type;  ///< "video/H264"
  /// avcC, hvcC, av1C or OpusHead; empty: the codec needs none.
  std::span<const std::byte> codec_private;
  bool new_config = false;       ///< mime_type, codec_private or what follows differ from the frame before
  int width = 0, height = 0;     ///< of pictures
  std::uint32_t sample_rate = 0;  ///< Hz
  std::uint16_t channels = 0;
  int rotation = 0;       ///< clockwise degrees a player must turn the picture: 0, 90, 180, 270
  bool mirrored = false;  ///< and mirror it left to right, before turning it
};

enum class Next : std::uint8_t {
  frame,    ///< here is one
  not_yet,  ///< what follows is not settled yet: Reader::wait(), then ask again
  end,      ///< the track has no more frames, and will have none
};

/// Frames of one track in decoding order. For one thread at a time; the Reader's other members may be called
/// beside it. It may outlive its Reader.
class FrameReader {
 public:
  FrameReader(FrameReader&&) noexcept;
  FrameReader& operator=(FrameReader&&) noexcept;
  ~FrameReader();

  /// The next frame, in `frame`. Errors: io, no_space.
  [[nodiscard]] Result<Next> next(MediaFrame& frame);
  /// Goes to where decoding can begin for what is shown at `time_ns`: the last keyframe at or before it, or the
  /// audio frame that covers it; where there is none, the first frame. What follows is what follows when the
  /// track is read from its beginning. Answers the time of that frame. Errors: as next().
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns);

 private:
  friend class Reader;
  struct State;
  explicit FrameReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct PictureOptions {
  int width = -1, height = -1;  ///< a side of -1 keeps the aspect; both: the size that was sent
};

/// A recording that is open: looked through once, then read from any time, any number of times, at once by
/// many threads. Works on a recording under way too. Thread-safe.
///
///     auto reader = rtpx::Reader::open("recordings/call");
///     auto frames = reader->frames("camera", {}, 47 * 60 * 1'000'000'000LL);
///     rtpx::MediaFrame frame;
///     while (*frames->next(frame) == rtpx::Next::frame) decode(frame.data);
class Reader {
 public:
  /// `recording`: a folder, a manifest.json, or with a downloader an s3:// URL, of which what is read is fetched. Reads all
  /// packets once, or a packet index. A track that cannot be read is there, and says why. Errors: not_found, malformed,
  /// io, no_space, cancelled, network, denied; also later ones answer network where an object cannot be read any more.
  [[nodiscard]] static Result<Reader> open(const std::string& recording, const ReaderOptions& options = {});
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  [[nodiscard]] std::vector<ReaderTrack> tracks() const;
  [[nodiscard]] ReaderTimeline timeline() const;

  /// Frames from where decoding can begin for what is shown at `from_ns` (FrameReader::seek). `rid`: the layer;
  /// nullopt: the largest that is there at each moment, changing at keyframes. Errors: not_found (no such track or
  /// layer), unsupported (nothing of it can be read), io.
  [[nodiscard]] Result<FrameReader> frames(const std::string& track_id,
                                           const std::optional<std::string>& rid = {},
                                           std::int64_t from_ns = INT64_MIN) const;
  /// Time of the last whole keyframe at or before `time_ns`; nullopt: there is none. Errors: as frames().
  [[nodiscard]] Result<std::optional<std::int64_t>> keyframe_before(const std::string& track_id,
                                                                    const std::optional<std::string>& rid,
                                                                    std::int64_t time_ns) const;
  /// What is shown at `time_ns` of a picture track (the first picture, before it), turned upright, as JPEG. Errors: as
  /// frames(); nothing_to_convert (no picture decodes), invalid_argument (a size that cannot be).
  [[nodiscard]] Result<std::vector<std::byte>> picture(const std::string& track_id, std::int64_t time_ns,
                                                       const PictureOptions& options = {}) const;

  /// Looks at what was recorded since: tracks(), timeline() and all FrameReaders go on with it. Times of what was
  /// settled stay as they are. False: nothing is new. Reads what is new (docs/reader.md). Errors: as open().
  [[nodiscard]] Result<bool> refresh();
  /// Waits until more has been recorded, or the recording has ended, then refresh(). False: nothing new within
  /// `most`. Errors: as open().
  [[nodiscard]] Result<bool> wait(std::chrono::milliseconds most);

 private:
  friend class FrameReader;
  struct State;
  explicit Reader(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace rtpx
