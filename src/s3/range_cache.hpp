#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "s3/client.hpp"

namespace rtpx::s3 {

/// One content of an object.
struct ObjectVersion {
  S3Url object;
  std::string etag;  ///< without quotes; empty: the service tells none, and a change goes unnoticed
  std::uint64_t bytes = 0;
};

/// Where one reader of an object stands: who reads on gets more with each request.
struct ReadAhead {
  std::uint64_t next = UINT64_MAX;  ///< block behind the last one that was read
  std::uint64_t blocks = 1;         ///< to fetch with the next request
};

/// Blocks of objects, fetched when they are read: a block at a time where reading jumps, up to 4 MiB where it goes on. What
/// was read last is kept, 32 MiB of it. Two who want the same block at once fetch it once. Any thread.
class RangeCache {
 public:
  static constexpr std::uint64_t kBlockBytes = 64U << 10, kMostBytes = 32U << 20, kMostAhead = 64;

  static constexpr std::chrono::seconds kPatience{30};  // without one successful request

  RangeCache(std::shared_ptr<Client> client, std::stop_token stop)
      : client_(std::move(client)), stop_(std::move(stop)) {}

  /// Fills `to` from `offset`; answers less only at the end of the object. Errors: network, also where the object has
  /// changed or is gone; cancelled.
  [[nodiscard]] Result<std::size_t> read(const ObjectVersion& of, std::uint64_t offset, std::span<std::byte> to,
                                         ReadAhead& ahead);

 private:
  using Block = std::shared_ptr<const std::vector<std::byte>>;
  using Key = std::pair<std::string, std::uint64_t>;  // of the content, and number in it
  struct Kept {
    Key key;
    Block block;
  };

  [[nodiscard]] Result<Block> block(const ObjectVersion& of, std::uint64_t number, std::uint64_t wanted);
  [[nodiscard]] Result<std::vector<Block>> fetch(const ObjectVersion& of, std::uint64_t first, std::uint64_t end) const;
  void keep(Key key, Block block);

  const std::shared_ptr<Client> client_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable fetched_;
  std::set<Key> under_way_;
  std::list<Kept> kept_;  // the latest first
  std::map<Key, std::list<Kept>::iterator> by_key_;
  std::uint64_t bytes_ = 0;
};

}  // namespace rtpx::s3
