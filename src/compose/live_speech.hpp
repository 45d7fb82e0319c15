#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "compose/floor.hpp"
#include "compose/speech.hpp"

namespace rtpx::film {

/// find_speech() of a call that goes on. Each look at it takes as long as what is new, however long the call: what no
/// later sound can change is decided once, and forgotten when it is no longer of use. By measured levels. Pure.
class LiveSpeech {
 public:
  /// So far back spans and turns are remembered.
  static constexpr std::int64_t kRememberedNs = 20'000'000'000;

  /// Somebody came; people count from 0. He was silent until now.
  void add_person();
  /// How loud somebody was; not before what know_until() has been told. -dBov, as in Levels.
  void add(std::size_t who, std::int64_t time_ns, std::uint8_t level);
  /// All that was heard before is known.
  void know_until(std::int64_t now_ns);

  /// What find_speech() says of all that is known: spans that end within kRememberedNs, turns that begin within it, and of
  /// everybody the last turn.
  [[nodiscard]] Speech speech() const;
  /// Steps of levels that are kept of everybody.
  [[nodiscard]] std::size_t kept_steps() const noexcept { return known_ - settled_; }

 private:
  struct Person {
    std::vector<std::uint8_t> levels;  // from settled_ on, as far as they have come
    std::vector<double> loudness;      // from settled_ to known_
    double last_loudness = -127;
    std::deque<Utterance> utterances;  // the last one may go on, and may be no speech yet
    Quiet quiet;
    std::deque<Span> muted;
  };
  class Window;
  void take_steps(Person& person, std::size_t to);
  /// What comes after `known_` changes nothing that is before it.
  [[nodiscard]] std::size_t settles() const;
  void forget();

  std::vector<Person> people_;
  std::size_t known_ = 0;    // steps
  std::size_t settled_ = 0;  // of these, for good
  Floor floor_;              // at settled_
  std::vector<Turn> turns_;  // before settled_
  std::vector<Turn> recent_;  // from there on
};

}  // namespace rtpx::film
