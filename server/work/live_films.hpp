#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file_system.hpp"
#include "server/http/message.hpp"
#include "server/library/library.hpp"
#include "server/options.hpp"
#include "server/work/films.hpp"

namespace rtpx::server {

/// Films that follow recordings under way, as HLS, each made by a child process (`rtpx compose --follow`). A film ends with
/// its recording, or when nobody watches it any more, and is there for a while after that. Its files lie in a folder of
/// their own in the base folder, which goes with it. Thread-safe.
class LiveFilms {
 public:
  static constexpr const char* kPlaylist = "index.m3u8";

  struct Limits {
    std::chrono::milliseconds unwatched{300'000};  ///< nobody has asked for a file of it: it is ended
    std::chrono::milliseconds kept{600'000};       ///< after its end, and after anybody has asked for a file of it
    std::chrono::milliseconds look{5'000};         ///< so often it is seen to all of these
    std::chrono::seconds longest{24 * 3'600};
  };
  struct State {
    std::string state;  ///< "starting" (there is no segment yet), "running", "ended", "failed"
    std::int64_t written_ms = 0;  ///< of the film, that players can have
    std::int64_t waiting_ms = 0;  ///< recorded and not yet made
    int fps = 0;                  ///< pictures a second now; fewer where the machine is too slow; 0: not yet known
    std::string error;            ///< why it failed, or was ended before its recording
  };
  /// Runs on a thread of a film after each change of State::state.
  using OnChanged = std::function<void(const std::string& id)>;

  /// `disk`: is asked for its free space.
  LiveFilms(const ServeOptions& options, const Library& library, OnChanged on_changed, Limits limits,
            FileSystem& disk = real_file_system());
  LiveFilms(const ServeOptions& options, const Library& library, OnChanged on_changed)
      : LiveFilms(options, library, std::move(on_changed), Limits()) {}
  ~LiveFilms();  ///< children under way are ended

  /// Begins a film from about now on, in the place of one that is over. Errors: not_found; already_exists: the recording is
  /// followed; denied: as many as ServeOptions::max_live_films are made; no_space; io; unsupported: what is made of the
  /// recording is to be sealed.
  [[nodiscard]] Result<void> begin(const std::string& id, const Films::Wish& wish);
  /// Players play to its end, where it is now. Errors: not_found.
  [[nodiscard]] Result<void> end(const std::string& id);
  /// The recording goes: so does its film, at once.
  void forget(const std::string& id);
  /// nullopt: there is none.
  [[nodiscard]] std::optional<State> state(const std::string& id) const;
  /// How many are being made now.
  [[nodiscard]] std::size_t under_way() const;
  /// A playlist of it by its name, with its end where the film is over; nullopt: there is none.
  [[nodiscard]] std::optional<std::string> playlist(const std::string& id, const std::string& name);
  /// A media or initialization segment; nullptr: there is none.
  [[nodiscard]] std::shared_ptr<http::Descriptor> segment(const std::string& id, const std::string& name);

 private:
  struct Film;
  [[nodiscard]] std::size_t count_under_way() const;  // with mutex_ held
  [[nodiscard]] std::shared_ptr<Film> asked_for(const std::string& id, const std::string& name);
  [[nodiscard]] bool disk_is_nearly_full() const;
  void make(Film& film, const Films::Wish& wish, const std::stop_token& stop);
  void hear(Film& film, const std::string& line);
  void keep(const std::stop_token& stop);
  void look_after();

  const ServeOptions& options_;
  const Library& library_;
  const OnChanged on_changed_;
  const Limits limits_;
  FileSystem& disk_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Film>> films_;  // by their recordings' ids
  std::vector<std::shared_ptr<Film>> leaving_;          // whose children may still be ending
  std::condition_variable_any wake_;                    // of the keeper
  bool look_now_ = false;
  std::jthread keeper_;
};

}  // namespace rtpx::server
