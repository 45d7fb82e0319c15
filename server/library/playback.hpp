#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "play/presentation.hpp"
#include "server/library/library.hpp"

namespace rtpx::server {

/// The file that an address under a rendition names: "init-0.mp4", "12.m4s", "12.webm"; under its
/// parts/: "12.3.m4s".
struct SegmentName {
  bool init = false;
  std::size_t number = 0;
  std::optional<std::size_t> part;
  Format format = Format::fmp4;
};
[[nodiscard]] std::optional<SegmentName> parse_segment_name(std::string_view name);
[[nodiscard]] std::optional<SegmentName> parse_part_name(std::string_view name);
/// Recordings that are being played, opened and kept, and the segments made of them last. Nothing is decoded
/// here: what reads the media are our parsers. Calls that are encrypted end to end are opened with the keys that a viewer
/// gave, for whoever has his ticket; keys and what they open are in memory only. Bounded: so many recordings, so many
/// bytes of segments. Thread-safe.
class Playback {
 public:
  explicit Playback(const Library& library, Identities identities = {})
      : library_(library), identities_(std::move(identities)) {}
  /// Where recordings are that others have stored: the s3:// URL of an id with a slash in it. Before other threads use this.
  using Elsewhere = std::function<Result<std::string>(const std::string& id)>;
  void look_elsewhere(Elsewhere elsewhere) { elsewhere_ = std::move(elsewhere); }

  /// What is played: a recording, as whoever has this ticket sees it (empty: nobody's).
  struct Which {
    std::string id, ticket;
  };
  /// A recording, opened when it is not yet or when its files have changed; one that is being recorded is looked at
  /// anew. Waits for that. Errors: not_found (also: the ticket has ended), nothing_to_convert, io, cancelled; network.
  [[nodiscard]] Result<std::shared_ptr<Presentation>> open(const Which& which);
  /// The same; while the recording grows and `is_there` says no, a little later: those who wait share each look.
  [[nodiscard]] Result<std::shared_ptr<Presentation>> open_when(
      const Which& which, const std::function<bool(const Presentation::View&)>& is_there,
      std::chrono::milliseconds longest, const std::function<void()>& on_look = {});

  /// A ticket for a recording's frames as these keys open them; it ends when it was not used for kKeysKept. Errors:
  /// not_found; those of Presentation::open().
  [[nodiscard]] Result<std::string> give_keys(const std::string& id, std::shared_ptr<const E2eeKeys> keys);
  /// False: there was no such ticket.
  bool forget_keys(const Which& which);

  /// A segment of up to kMostKept bytes; nullptr: it is larger, and has to be streamed. Errors: those of Presentation.
  [[nodiscard]] Result<std::shared_ptr<const std::string>> segment(const Which& which,
                                                                   const std::shared_ptr<Presentation>& from,
                                                                   const std::string& rendition,
                                                                   const SegmentName& name);
  /// Ends what is being opened, and lets go of everything.
  void stop();
  [[nodiscard]] bool stopped() const { return stop_.stop_requested(); }

  static constexpr std::uint64_t kMostKept = 8U << 20;
  static constexpr std::chrono::minutes kKeysKept{30};

 private:
  static constexpr std::size_t kMostOpened = 32, kMostTickets = 16;
  static constexpr std::chrono::milliseconds kLookEvery{100};
  using Clock = std::chrono::steady_clock;
  static constexpr std::size_t kMostOpenedBytes = 128U << 20, kMostSegmentBytes = 64U << 20;

  struct Opened {
    std::mutex opening;
    std::condition_variable looked;
    Clock::time_point next_look;
    std::string state;  ///< of the folder when it was opened
    std::shared_ptr<Presentation> presentation;
    std::shared_ptr<Presentation> beginning;  ///< of a recording that has nothing to play yet
    std::uint64_t used = 0;  ///< when, in requests
    std::shared_ptr<const E2eeKeys> keys;  ///< of a ticket
    Clock::time_point used_at;
  };
  struct Made {
    std::string key;
    std::shared_ptr<const std::string> bytes;
    std::weak_ptr<Presentation> of;
  };
  [[nodiscard]] static std::string key_of(const Which& which) { return which.id + '\n' + which.ticket; }
  [[nodiscard]] Result<std::shared_ptr<Opened>> entry_of(const Which& which);
  [[nodiscard]] Result<std::string> place_of(const std::string& id) const;
  [[nodiscard]] Result<std::shared_ptr<Presentation>> look(Opened& entry, const std::string& place);
  [[nodiscard]] Result<std::shared_ptr<Presentation>> open_anew(Opened& entry, const std::string& place);
  [[nodiscard]] Result<std::shared_ptr<Downloader>> downloader();
  void let_go(const Which& which, const std::shared_ptr<Presentation>& failed);
  void forget_oldest();
  void forget_old_tickets();
  void forget_segments(const std::string& key);
  void keep(Made made);

  const Library& library_;
  const Identities identities_;
  Elsewhere elsewhere_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::shared_ptr<Downloader> downloader_;  // of all that is elsewhere
  std::map<std::string, std::shared_ptr<Opened>> opened_;  // by key_of()
  std::uint64_t requests_ = 0;
  std::list<Made> segments_;  // the latest first
  std::map<std::string, std::list<Made>::iterator> by_key_;
  std::size_t segment_bytes_ = 0;
};

/// The number behind a stem: "index.m3u8" is 0, "index-2.m3u8" is 1.
[[nodiscard]] std::optional<std::size_t> parse_program_name(std::string_view name, std::string_view stem,
                                                            std::string_view extension);

}  // namespace rtpx::server
