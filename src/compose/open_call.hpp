#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "compose/call.hpp"
#include "compose/speech.hpp"
#include "frames/layer_frames.hpp"
#include "packets/scanned_recording.hpp"
#include "packets/spill_file.hpp"
#include "rtpx/composer.hpp"

namespace rtpx::film {

/// Whether a track says by its id or streams that it is a screen share.
[[nodiscard]] bool names_a_screen(const std::vector<std::string>& streams, const std::string& id);

/// An identifier as programs make them (RFC 9562 and the like), which says nothing to a person.
[[nodiscard]] bool is_machine_made(const std::string& id);

/// A track of a recording, as the film takes it.
struct TrackSource {
  std::string id;
  MediaKind kind = MediaKind::video;
  bool screen = false;
  std::vector<const PlacedLayer*> layers;  ///< simulcast: smallest first
  const SpillFile* spill = nullptr;
  std::int64_t offset_ns = 0;  ///< of its recording's zero on the film's clock
  std::shared_ptr<const E2eeKeys> e2ee_keys;

  [[nodiscard]] LayerFrameOptions frame_options() const {
    LayerFrameOptions out;
    out.e2ee_keys = e2ee_keys;
    return out;
  }
};

/// What belongs to a participant; same index as Call::participants.
struct ParticipantSources {
  std::vector<TrackSource> sound;
  std::vector<TrackSource> pictures;  ///< same index as Participant::pictures
};

struct OpenCallOptions {
  std::filesystem::path work_folder;  ///< for packets that are given back; must exist
  std::filesystem::path download_path;
  std::shared_ptr<Downloader> downloader;
  std::shared_ptr<const E2eeKeys> e2ee_keys;
  Identities identities;
  std::stop_token stop;
  std::function<void(double)> progress;  ///< 0..1
  std::int64_t tick_ns = 0;              ///< between pictures of the film: whatever is shown is shown for so long
};

/// Recordings opened as one call: who took part, when, and where their packets are. Several recordings are
/// joined by their clocks.
class OpenCall {
 public:
  /// Errors: not_found and others of find_recording(); cancelled; io and no_space of the work folder;
  /// nothing_to_convert.
  [[nodiscard]] static Result<std::unique_ptr<OpenCall>> open(const std::vector<std::string>& recordings,
                                                              const OpenCallOptions& options);

  [[nodiscard]] const Call& call() const noexcept { return call_; }
  [[nodiscard]] const std::vector<ParticipantSources>& sources() const noexcept { return sources_; }
  [[nodiscard]] const std::vector<ConvertNote>& notes() const noexcept { return notes_; }
  /// Wall-clock time at the film's zero, where known.
  [[nodiscard]] std::optional<UtcTime> started() const noexcept { return started_; }
  /// Where a recording's zero lies on the film's clock; `name` as it was given to open().
  [[nodiscard]] std::int64_t offset_of(const std::string& name) const;
  /// Marks that were set while it was recorded.
  [[nodiscard]] std::vector<FilmMark> marks() const;
  /// Participants with sound whose packets do not say how loud it is.
  [[nodiscard]] bool needs_measuring(std::size_t participant) const;
  /// How loud somebody is by the decoded sound. Then find_turns() again.
  void set_levels(std::size_t participant, Levels levels) { levels_[participant] = std::move(levels); }
  /// Who speaks and who is muted, by what is known.
  void find_turns();

 private:
  struct Opened {
    std::string name;  // as it was asked for
    Recording recording;
    std::unique_ptr<SpillFile> spill;
    ScannedRecording scanned;
    std::int64_t offset_ns = 0;
  };
  [[nodiscard]] Result<void> scan(const std::string& name, const OpenCallOptions& options,
                                  const std::function<void(double)>& progress);
  void correct_clocks();
  void join_clocks();
  /// Until when pictures of a track may be shown that no others follow, if the call goes on.
  struct Standing {
    std::size_t who = 0, picture = 0;
    std::vector<std::int64_t> until_ns;  // same index as PictureFacts::shown
  };
  [[nodiscard]] Result<void> add_tracks(const OpenCallOptions& options);
  [[nodiscard]] Result<void> look_at_picture(const TrackSource& source, PictureFacts& facts, Standing& stands,
                                             const OpenCallOptions& options);
  [[nodiscard]] Result<bool> look_at_sound(const TrackSource& source, Levels& levels, std::int64_t& last_ns,
                                           const std::stop_token& stop);
  void let_stand(const std::vector<Standing>& standing);
  void order_by_joining();
  void note(ConvertNote::Severity severity, std::string track, std::string message);
  void note(std::vector<ConvertNote> notes);

  std::deque<Opened> opened_;
  Call call_;
  std::vector<ParticipantSources> sources_;
  std::vector<Levels> levels_;
  std::vector<ConvertNote> notes_;
  std::optional<UtcTime> started_;
};

}  // namespace rtpx::film
