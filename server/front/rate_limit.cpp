#include "server/front/rate_limit.hpp"

#include <algorithm>

namespace rtpx::server {
namespace {

constexpr std::size_t kMaxBuckets = 10'000;

}  // namespace

bool RateLimit::change(const http::IpAddress& address, double taken) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (buckets_.size() >= kMaxBuckets) forget_the_full(now);
  auto [at, fresh] = buckets_.try_emplace(address.limit_key(), Bucket{burst_, now});
  Bucket& bucket = at->second;
  bucket.left =
      std::min(burst_, bucket.left + std::chrono::duration<double>(now - bucket.at).count() * rate_);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= taken;
  return true;
}

/// An address whose bucket has filled up again is as one never seen. If too many have not, all are forgiven.
void RateLimit::forget_the_full(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& one) {
    const Bucket& bucket = one.second;
    return bucket.left + std::chrono::duration<double>(now - bucket.at).count() * rate_ >= burst_;
  });
  if (buckets_.size() >= kMaxBuckets) buckets_.clear();
}

}  // namespace rtpx::server
