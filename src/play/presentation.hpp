#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "mux/byte_sink.hpp"
#include "play/marks.hpp"
#include "play/program.hpp"
#include "reader/opened_recording.hpp"

namespace rtpx {

class SegmentStream;
class SegmentWriter;

/// A recording that is played without converting it: what its playlists say, and its segments, made from the
/// packets when they are asked for. Nothing is decoded. Of a recording that is still being written, what is settled:
/// refresh() looks for more, and what was told before stays as it was. Safe from many threads.
class Presentation : public std::enable_shared_from_this<Presentation> {
 public:
  struct Options {
    std::filesystem::path temporary;  ///< folder for a file without a name: what repair gave back
    std::stop_token stop;
    Identities identities;            ///< open a sealed recording
    std::chrono::milliseconds look_every{200};  ///< refresh() looks no more often; 0: whenever it is called
    std::shared_ptr<const E2eeKeys> e2ee_keys;  ///< open frames that were encrypted end to end; null: left out
    std::shared_ptr<Downloader> downloader;     ///< for s3:// URLs
  };

  /// Scans the recording (a folder, a manifest.json, or with a downloader an s3:// URL) and goes over its frames once. Errors: those of
  /// OpenedRecording::open(); nothing_to_convert where nothing of it can be played; cancelled, io, no_space.
  [[nodiscard]] static Result<std::shared_ptr<Presentation>> open(const std::string& recording,
                                                                  const Options& options);
  /// One that has not looked yet: there is no view before refresh() succeeds. Of a recording that has just begun, what each
  /// refresh() has read is kept for the next.
  [[nodiscard]] static std::shared_ptr<Presentation> of(const std::string& recording, const Options& options);

  /// What there is at one moment. It does not change.
  struct View {
    std::shared_ptr<const OpenedRecording> opened;
    std::vector<Program> programs;      ///< at least one; the ones with pictures first
    std::vector<std::string> left_out;  ///< tracks that no browser's container can hold, in words
    std::vector<ConvertNote> notes;     ///< of a recording that has ended: what a person should know of it
    std::vector<PlayedMark> marks;      ///< by time
    bool growing = false;               ///< it is still being recorded
    std::uint64_t version = 0;          ///< another one for each view

    /// A rendition and its program. nullptr: there is none of that id.
    struct Place {
      const Program* program = nullptr;
      const Rendition* rendition = nullptr;
    };
    [[nodiscard]] Place find(const std::string& rendition_id) const;
  };
  [[nodiscard]] std::shared_ptr<const View> view() const;
  /// Whether the recording was being written at the last look.
  [[nodiscard]] bool growing() const;
  /// Looks for what was written since, at most a few times a second; waits for that. Errors: as open().
  [[nodiscard]] Result<void> refresh();

  /// Of a recording that has ended: what read_played() takes, so that a later object needs not go over the frames.
  [[nodiscard]] std::vector<std::byte> played() const;

  /// Memory that the object keeps, about.
  [[nodiscard]] std::size_t bytes() const noexcept;

  /// Where packets of a rendition were lost for good, about: the time of a second, and how many in it.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint32_t>> lost(const std::string& rendition_id) const;
  /// Appends an initialization segment. `format`: fmp4 or webm. Errors: not_found; unsupported where the
  /// format does not hold the codec.
  [[nodiscard]] Result<void> init(const std::string& rendition_id, std::size_t number, Format format,
                                  ByteSink& out) const;
  /// A media segment. Errors: as init(), and io.
  [[nodiscard]] Result<std::unique_ptr<SegmentStream>> segment(const std::string& rendition_id,
                                                               std::size_t number, Format format);
  /// A part of a segment, or of the open one: see parts_of(). Errors: as segment().
  [[nodiscard]] Result<std::unique_ptr<SegmentStream>> part(const std::string& rendition_id, std::size_t number,
                                                            std::size_t part, Format format);

 private:
  friend class SegmentStream;

  /// A layer of a track, as far as it has been gone over.
  struct Layer {
    std::string program, track_id;
    std::optional<std::string> rid;
    MediaKind kind = MediaKind::video;
    std::string id;  ///< of its rendition; empty: none yet
    std::unique_ptr<SegmentListBuilder> list;
    struct Last {
      std::int64_t time_ns = 0, first_sequence = 0;
    };
    std::optional<Last> last;  ///< of its frames
    std::vector<ConvertNote> notes;
    /// base/archive.hpp; of a recording that has ended: no frames are added any more.
    template <class Archive>
    void archive(Archive& with) {
      with(program, track_id, rid, kind, list, notes);
    }
  };
  /// One source is kept for each rendition, where the last segment ended: players ask for them in order.
  struct Feed {
    std::mutex mutex;
    std::shared_ptr<const OpenedRecording> of;
    std::unique_ptr<TrackFrames> source;
    std::size_t at_segment = 0;  ///< that `source` comes to next
    std::uint32_t at_frame = 0;  ///< of it
  };
  /// What a SegmentStream makes.
  struct Piece {
    std::size_t number = 0;             ///< of its segment
    std::uint32_t first_frame = 0, frames = 0;
    std::int64_t begin_ns = INT64_MAX;  ///< of its first frame, where that one is shown earlier than it was sent
    std::int64_t end_ns = 0;
    std::uint64_t bytes = 0;            ///< about
    bool ends_segment = false;
    std::uint32_t fragment = 0;         ///< number of the first fragment
  };

  Presentation(std::string recording, const Options& options);
  [[nodiscard]] Result<void> look_for_more();
  [[nodiscard]] Result<std::shared_ptr<const OpenedRecording>> look();
  [[nodiscard]] Result<void> read(const OpenedRecording& opened);
  [[nodiscard]] bool read_played(Bytes kept);
  [[nodiscard]] Result<void> go_on(const OpenedRecording& opened, const PlacedLayer& placed, Layer& layer);
  [[nodiscard]] Layer& layer_of(const PlacedLayer& placed);
  void show(std::shared_ptr<const OpenedRecording> opened);
  void begin_anew();
  [[nodiscard]] static const PlacedLayer* placed_layer(const OpenedRecording& opened, const Rendition& rendition);
  [[nodiscard]] TrackFrameOptions frame_options() const;
  [[nodiscard]] Result<std::unique_ptr<TrackFrames>> source_at(Feed& feed, const View& view,
                                                               const Rendition& rendition, const PlayedSegment& segment,
                                                               std::size_t number, std::uint32_t frame = 0) const;
  [[nodiscard]] Result<void> fill(const View& view, const Program& program, const Rendition& rendition,
                                  const PlayedSegment& segment, SegmentWriter& writer) const;
  [[nodiscard]] std::shared_ptr<Feed> feed_of(const std::string& rendition_id) const;

  const std::string recording_;
  const Options options_;

  mutable std::mutex refreshing_;  // what follows
  Result<void> seen_;                        // what the last look told
  bool growing_ = false, followed_ = false;  // now; ever
  std::unique_ptr<GrowingScan> growth_;      // while it is growing
  std::uint64_t folder_bytes_ = 0;
  std::int64_t settled_ns_ = INT64_MAX;
  std::optional<std::chrono::steady_clock::time_point> looked_;
  std::chrono::steady_clock::time_point took_until_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::map<std::string, std::vector<std::int64_t>> cuts_;   // by program: where its pictures changed
  std::map<std::string, std::int64_t> starts_ns_;           // of programs that have been shown
  std::map<std::string, std::string> first_shown_;          // by program: id of a rendition
  std::size_t pictures_ = 0, sounds_ = 0;                   // renditions named so far

  mutable std::mutex mutex_;  // what follows
  std::shared_ptr<const View> view_;
  mutable std::map<std::string, std::shared_ptr<Feed>> feeds_;  // by rendition
};

/// A media segment, or a part of one, while it is made. One thread. It keeps its recording open.
class SegmentStream {
 public:
  ~SegmentStream();
  /// Appends the next part, of about a MiB at most unless one frame is larger. False: that was the end. A
  /// recording that has become unreadable there gives a shorter segment. Errors: io, malformed.
  [[nodiscard]] Result<bool> next(ByteSink& out);
  /// Appends all of it.
  [[nodiscard]] Result<void> all(ByteSink& out);
  /// How many bytes it has in all, about.
  [[nodiscard]] std::uint64_t bytes() const noexcept;

 private:
  friend class Presentation;
  SegmentStream(std::shared_ptr<Presentation::Feed> feed, std::shared_ptr<const OpenedRecording> of,
                std::int64_t zero_ns, const Presentation::Piece& piece, std::unique_ptr<SegmentWriter> writer,
                std::unique_ptr<TrackFrames> source);

  const std::shared_ptr<Presentation::Feed> feed_;
  std::shared_ptr<const OpenedRecording> of_;
  const std::int64_t zero_ns_;
  const Presentation::Piece piece_;
  std::unique_ptr<SegmentWriter> writer_;
  std::unique_ptr<TrackFrames> source_;  // none: the writer has all of it
  std::uint32_t frames_ = 0, parts_ = 0;
};

}  // namespace rtpx
