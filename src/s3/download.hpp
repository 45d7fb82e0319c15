#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "s3/client.hpp"

namespace rtpx::s3 {

/// Bytes that may still be received, whatever sizes a service told before. Thread-safe.
class Allowance {
 public:
  /// 0: no limit.
  explicit Allowance(std::uint64_t max_bytes) : limited_(max_bytes != 0), left_(max_bytes) {}

  [[nodiscard]] bool limited() const { return limited_; }
  [[nodiscard]] std::uint64_t left() const { return left_; }
  /// False when so many are not left; then none is, for good.
  bool take(std::uint64_t bytes);

 private:
  const bool limited_;
  std::atomic<std::uint64_t> left_;
};

/// Fetches an object into `.<name>.part` beside `file` in parallel ranges, compares its checksum where the
/// service tells one, and renames it. What an earlier call fetched of the same version is kept; a file whose
/// checksum is the object's already is left alone. Answers whether the checksum was compared. Errors, besides
/// those of the service and the disk: no_space, when the object is larger, or more is received, than is
/// allowed or free.
[[nodiscard]] Result<bool> download_object(Client& client, const S3Url& object,
                                           const std::filesystem::path& file, Allowance& allowance,
                                           CallContext context,
                                           const std::function<void(std::uint64_t)>& on_bytes);

/// The same for a file that is of no use when this process has ended: it is not synced, and of what breaks off nothing is kept.
/// An object of up to a part's size costs one request. `bytes`: as a list tells.
[[nodiscard]] Result<void> fetch_object(Client& client, const S3Url& object, std::uint64_t bytes,
                                        const std::filesystem::path& file, Allowance& allowance, CallContext context);

/// Bytes of `file` that are on this disk already, whole or in its `.part`.
[[nodiscard]] std::uint64_t bytes_there(const std::filesystem::path& file);

/// What is kept beside a download that is not complete. Total; nullopt: it is of no use.
struct Arrived {
  std::string etag;
  std::uint64_t bytes = 0, range_bytes = 0;
  std::set<std::uint64_t> ranges;  ///< numbers of whole ranges
};
[[nodiscard]] std::optional<Arrived> parse_arrived(std::string_view json);

}  // namespace rtpx::s3
