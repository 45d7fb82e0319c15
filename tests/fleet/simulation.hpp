#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fleet/claim.hpp"
#include "fleet/order.hpp"

namespace rtpx::test {

/// A mistake in how the protocol is followed, which a history is to show.
enum class Planted : std::uint8_t {
  none,
  blind_writes,               ///< records are written whatever is there
  record_before_the_objects,  ///< a job is called done while its last object is on the way
  deliveries_believed,        ///< a delivery counts as an order, whatever the record says
  silence_is_loss,            ///< the same counts as refused by another's claim
  shared_names,               ///< all claims of a job write the same objects
  nothing_discarded,          ///< nobody removes what is no result
  nothing_looked_after,       ///< nodes publish once
  tidied_by_an_old_look,      ///< nodes read the record before they list what is to be removed
  tidied_by_a_lagging_read,   ///< nodes believe an answer that is older than the record
  no_fence_at_the_end,        ///< the last write goes to whatever revision is there
};
inline constexpr Planted kAllPlanted[] = {Planted::blind_writes,
                                          Planted::record_before_the_objects,
                                          Planted::deliveries_believed,
                                          Planted::silence_is_loss,
                                          Planted::shared_names,
                                          Planted::nothing_discarded,
                                          Planted::nothing_looked_after,
                                          Planted::tidied_by_an_old_look,
                                          Planted::tidied_by_a_lagging_read,
                                          Planted::no_fence_at_the_end};
[[nodiscard]] const char* to_string(Planted fault);

/// One history of a fleet in a world of its own making: a queue that redelivers, forgets and brings ghosts, a
/// bucket whose answers are lost or late, a store of objects, nodes and workers that stop, sleep and begin
/// anew. The same seed gives the same history. After a while the faults end; then everything must come to
/// rest.
class Simulation {
 public:
  Simulation(std::uint64_t seed, Planted planted);
  ~Simulation();
  /// What went wrong, with the seed; empty: every job has exactly one current result, whole, and nothing else
  /// is left.
  [[nodiscard]] std::string run();
  /// What happened, so that a test can tell that it happened at all.
  struct Counts {
    std::uint64_t crashes = 0, pauses = 0, lost_answers = 0, old_answers = 0, ghosts = 0, redeliveries = 0,
                  takeovers = 0, discarded = 0, emptied = 0, rolled_back = 0, done = 0, failed = 0,
                  events = 0;
  };
  [[nodiscard]] const Counts& counts() const;

 private:
  struct World;
  std::unique_ptr<World> world_;
};

}  // namespace rtpx::test
