#include "s3/range_cache.hpp"

#include <algorithm>
#include <cstring>

namespace rtpx::s3 {
namespace {

std::string content_of(const ObjectVersion& version) {
  return version.object.text() + '\n' + version.etag;
}

/// As those who read recordings understand it: the service does not give it.
Error as_not_given(Error error, const ObjectVersion& of) {
  if (error.code == Errc::cancelled) return error;
  if (error.code == Errc::malformed || error.code == Errc::not_found)
    error.message = of.object.text() + " has changed while it was read, or is gone: open it again.";
  error.code = Errc::network;
  return error;
}

}  // namespace

Result<std::size_t> RangeCache::read(const ObjectVersion& of, std::uint64_t offset, std::span<std::byte> to,
                                     ReadAhead& ahead) {
  if (offset >= of.bytes) return 0;
  to = to.first(static_cast<std::size_t>(std::min<std::uint64_t>(to.size(), of.bytes - offset)));
  const std::uint64_t behind = (offset + to.size() + kBlockBytes - 1) / kBlockBytes;
  std::size_t done = 0;
  while (done < to.size()) {
    const std::uint64_t at = offset + done, number = at / kBlockBytes;
    if (number == ahead.next)
      ahead.blocks = std::min(2 * ahead.blocks, kMostAhead);
    else if (number + 1 != ahead.next)
      ahead.blocks = 1;
    ahead.next = number + 1;
    const auto got = block(of, number, std::max(behind - number, ahead.blocks));
    if (!got) return std::unexpected(got.error());
    const std::span<const std::byte> part = std::span(**got).subspan(static_cast<std::size_t>(at % kBlockBytes));
    const std::size_t bytes = std::min(part.size(), to.size() - done);
    std::memcpy(to.data() + done, part.data(), bytes);
    done += bytes;
  }
  return done;
}

Result<RangeCache::Block> RangeCache::block(const ObjectVersion& of, std::uint64_t number, std::uint64_t wanted) {
  const std::string content = content_of(of);
  const std::uint64_t blocks = (of.bytes + kBlockBytes - 1) / kBlockBytes;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (const auto known = by_key_.find({content, number}); known != by_key_.end()) {
      kept_.splice(kept_.begin(), kept_, known->second);
      return known->second->block;
    }
    if (!under_way_.contains({content, number})) break;
    fetched_.wait(lock);
  }
  const std::uint64_t last = std::min({number + wanted, number + kMostAhead, blocks});
  std::uint64_t end = number;
  while (end < last && !by_key_.contains({content, end}) && under_way_.insert({content, end}).second) ++end;
  lock.unlock();
  auto got = fetch(of, number, end);
  lock.lock();
  for (std::uint64_t one = number; one < end; ++one) under_way_.erase({content, one});
  fetched_.notify_all();
  if (!got) return std::unexpected(got.error());
  for (std::size_t i = got->size(); i-- > 0;) keep({content, number + i}, (*got)[i]);
  return got->front();
}

Result<std::vector<RangeCache::Block>> RangeCache::fetch(const ObjectVersion& of, std::uint64_t first,
                                                         std::uint64_t end) const {
  const std::uint64_t from = first * kBlockBytes, length = std::min(end * kBlockBytes, of.bytes) - from;
  std::vector<std::vector<std::byte>> parts(static_cast<std::size_t>(end - first));
  std::uint64_t at = 0;
  RetryBudget budget(kPatience);
  const auto got = client_->get(
      of.object, from, length, of.etag,
      [&](Bytes piece) {
        while (!piece.empty()) {
          std::vector<std::byte>& part = parts[static_cast<std::size_t>(at / kBlockBytes)];
          const std::size_t bytes = std::min<std::size_t>(piece.size(), kBlockBytes - part.size());
          part.insert(part.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(bytes));
          piece = piece.subspan(bytes);
          at += bytes;
        }
        return true;
      },
      {budget, stop_});
  if (!got) return std::unexpected(as_not_given(got.error(), of));
  std::vector<Block> out;
  for (auto& part : parts) out.push_back(std::make_shared<const std::vector<std::byte>>(std::move(part)));
  return out;
}

void RangeCache::keep(Key key, Block block) {
  bytes_ += block->size();
  kept_.push_front({std::move(key), std::move(block)});
  by_key_[kept_.front().key] = kept_.begin();
  while (bytes_ > kMostBytes && kept_.size() > 1) {
    bytes_ -= kept_.back().block->size();
    by_key_.erase(kept_.back().key);
    kept_.pop_back();
  }
}

}  // namespace rtpx::s3
