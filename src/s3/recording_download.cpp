// A whole recording comes back from S3, by a call that waits; and listings.
#include <algorithm>

#include "base/file_system.hpp"
#include "rtpx/s3.hpp"
#include "s3/download.hpp"
#include "s3/names.hpp"
#include "s3/progress_meter.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using namespace s3;

constexpr std::string_view kManifest = "manifest.json";

/// The folder of a recording, by its own URL or that of its manifest.
S3Url folder_of(S3Url url) {
  if (url.key == kManifest || url.key.ends_with("/" + std::string(kManifest)))
    url.key.resize(url.key.size() - kManifest.size());
  if (!url.key.empty() && !url.key.ends_with('/')) url.key += '/';
  return url;
}

/// An object, and the file that it becomes below the folder.
struct Wanted {
  S3Url object;
  std::string name;
};

/// Errors: malformed, for a name that is none of a recording's; nothing is fetched then.
Result<std::vector<Wanted>> choose(const S3Url& below, const std::vector<S3Object>& objects) {
  std::vector<Wanted> out;
  for (const S3Object& object : objects) {
    const std::string name = object.key.substr(below.key.size());
    if (name.empty() || name.ends_with('/')) continue;  // a folder, as some tools mark it
    if (auto safe = check_download_name(name); !safe) return std::unexpected(safe.error());
    out.push_back({{below.bucket, object.key}, name});
  }
  return out;
}

}  // namespace

Result<S3TransferReport> download_recording(const S3Url& prefix, const fs::path& folder,
                                            const S3TransferOptions& options) {
  Client client(options.config);
  RetryBudget budget(options.retry_for, options.on_waiting);
  const CallContext context{budget, options.stop};
  const S3Url below = folder_of(prefix);
  const auto objects = client.list(below, context);
  if (!objects) return std::unexpected(objects.error());
  if (objects->empty()) return fail(Errc::not_found, "There is nothing below " + below.text() + ".");
  const auto wanted = choose(below, *objects);
  if (!wanted) return std::unexpected(wanted.error());
  std::uint64_t total = 0, there = 0;
  for (const S3Object& object : *objects) total += object.bytes;
  for (const Wanted& one : *wanted) there += bytes_there(folder / one.name);
  const auto free =
      real_file_system().free_bytes(folder.has_parent_path() ? fs::absolute(folder).parent_path() : ".");
  const std::uint64_t room = options.max_bytes != 0 ? options.max_bytes : free ? *free + there : UINT64_MAX;
  if (total > room)
    return fail(Errc::no_space, below.text() + " has " + std::to_string(total) + " bytes, and " +
                                    std::to_string(room) + " may be used in " + folder.string() + ".");
  Allowance allowance(options.max_bytes);
  ProgressMeter meter(options, total);
  S3TransferReport report;
  for (const Wanted& one : *wanted) {
    auto got = download_object(client, one.object, folder / one.name, allowance, context,
                               [&](std::uint64_t bytes) { meter.add(one.name, bytes); });
    if (!got) return std::unexpected(got.error());
    report.objects.push_back(one.object.text());
    if (!*got) report.unverified.push_back(one.object.text());
  }
  report.bytes = meter.bytes();
  report.has_manifest = std::ranges::any_of(*wanted, [](const Wanted& one) { return one.name == kManifest; });
  return report;
}

Result<std::vector<S3Object>> list_objects(const S3Url& prefix, const S3TransferOptions& options) {
  Client client(options.config);
  RetryBudget budget(options.retry_for, options.on_waiting);
  return client.list(prefix, {budget, options.stop});
}

}  // namespace rtpx
