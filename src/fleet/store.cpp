#include "fleet/store.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "s3/client.hpp"
#include "s3/download.hpp"
#include "s3/names.hpp"
#include "s3/object_files.hpp"
#include "s3/object_relay.hpp"

namespace rtpx::fleet {
namespace {

namespace fs = std::filesystem;
using s3::CallContext;
using s3::RetryBudget;

constexpr std::chrono::minutes kPatience{5};
constexpr std::uint64_t kPutAtOnce = 64U << 20, kLeastPart = 16U << 20, kMostParts = 9'000;
constexpr std::chrono::seconds kShortPatience{3};  // of somebody who waits for an answer
constexpr const char* kManifestName = "manifest.json";
constexpr const char* kNodeKeyName = "node.key";

S3Url below(const S3Url& base, const std::string& rest) {
  return {base.bucket, s3::join_key(base.key, rest) + "/"};
}

S3Url object_in(const S3Url& folder, const std::string& name) {
  return {folder.bucket, folder.key + name};
}

S3Url node_key_of(const S3Url& node) {
  return {node.bucket, s3::join_key(node.key, kNodeKeyName)};
}

/// Does one after the other, four at once; after an error no more are begun.
Result<void> do_all(std::size_t count, const std::function<Result<void>(std::size_t)>& one) {
  constexpr std::size_t kAtOnce = 4;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Result<void> out;
  const auto work = [&] {
    for (std::size_t at = next++; at < count; at = next++) {
      auto done = one(at);
      if (done) continue;
      next = count;
      const std::lock_guard lock(mutex);
      if (out) out = std::move(done);
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(count, kAtOnce); ++i) others.emplace_back(work);
    work();
  }
  return out;
}

/// Plain files below `folder`, as names with slashes. What is hidden is none.
Result<std::vector<ResultFile>> files_below(const fs::path& folder) {
  std::vector<ResultFile> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().lexically_relative(folder).generic_string();
    std::error_code gone;
    if (!fs::is_regular_file(at->symlink_status(gone))) continue;
    if (!s3::check_download_name(name)) continue;
    out.push_back({name, at->file_size(gone)});
  }
  if (error) return fail(Errc::io, "Cannot read " + folder.string() + ": " + error.message() + ".");
  std::ranges::sort(out, {}, &ResultFile::name);
  return out;
}

}  // namespace

Store::Store(const S3Config& config, S3Url base)
    : client_(std::make_shared<s3::Client>(config)), base_(std::move(base)) {}
Store::~Store() = default;

S3Url Store::recordings_of(const std::string& node) const {
  return {base_.bucket, s3::join_key(base_.key, "recordings/" + node)};
}

S3Url Store::results_of(const Job& job) const {
  return below(base_, "results/" + job.node + "/" + job.recording + "/" + kind_token(job));
}

Result<void> Store::fetch(const Job& job, const fs::path& folder, std::uint64_t max_bytes,
                          std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const CallContext context{budget, stop};
  const S3Url from = below(recordings_of(job.node), job.recording);
  const auto objects = client_->list(from, context);
  if (!objects) return std::unexpected(objects.error());
  std::vector<ResultFile> files;
  std::uint64_t bytes = 0;
  for (const S3Object& object : *objects) {
    const std::string name = object.key.substr(from.key.size());
    if (name.empty() || name.find('/') != name.npos) continue;
    if (auto safe = s3::check_download_name(name); !safe) return safe;
    files.push_back({name, object.bytes});
    bytes += object.bytes;
  }
  if (std::ranges::find(files, kManifestName, &ResultFile::name) == files.end())
    return fail(Errc::not_found, "There is no recording at " + from.text() + ".");
  if (bytes > max_bytes)
    return fail(Errc::no_space, from.text() + " has " + std::to_string(bytes) +
                                    " bytes, and a job may fetch " + std::to_string(max_bytes) + " here.");
  s3::Allowance allowance(max_bytes);
  return do_all(files.size(), [&](std::size_t at) {
    const auto& [name, size] = files[at];
    return s3::fetch_object(*client_, object_in(from, name), size, folder / name, allowance, context);
  });
}

std::string Store::url_of(const Job& job) const {
  std::string url = below(recordings_of(job.node), job.recording).text();
  url.pop_back();
  return url;
}

std::shared_ptr<FileSystem> Store::objects(std::stop_token stop) const {
  return std::make_shared<s3::ObjectFiles>(client_, std::make_shared<s3::RangeCache>(client_, stop), stop);
}

Result<std::unique_ptr<s3::ObjectRelay>> Store::relay(const Job& job) const {
  return s3::ObjectRelay::begin(client_, below(recordings_of(job.node), job.recording));
}

Result<void> Store::fetch_result(const Job& job, const std::string& name, const std::string& file,
                                 const fs::path& folder, std::uint64_t max_bytes,
                                 std::stop_token stop) const {
  RetryBudget budget(kPatience);
  s3::Allowance allowance(max_bytes);
  const auto got = s3::download_object(*client_, object_in(below(results_of(job), name), file), folder / file,
                                       allowance, {budget, stop}, {});
  return got ? Result<void>{} : std::unexpected(got.error());
}

Result<JobResult> Store::put(StoredResult result, const fs::path& folder, std::stop_token stop) const {
  auto files = files_below(folder);
  if (!files) return std::unexpected(files.error());
  const S3Url to = below(results_of(result.record.job), result.record.token);
  result.files = *std::move(files);
  result.record.result.name = result.record.token;
  result.record.result.files = result.files.size();
  for (const ResultFile& file : result.files) result.record.result.bytes += file.bytes;
  auto all_stored = do_all(result.files.size(), [&](std::size_t at) {
    const auto& [name, size] = result.files[at];
    return put_file(folder / name, size, object_in(to, name), stop);
  });
  if (!all_stored) return std::unexpected(all_stored.error());
  RetryBudget budget(kPatience);
  if (auto stored = client_->put(object_in(to, kResultFile), serialize_result(result), {budget, stop});
      !stored)
    return std::unexpected(stored.error());
  return result.record.result;
}

Result<void> Store::put_file(const fs::path& file, std::uint64_t bytes, const S3Url& object,
                             std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const CallContext context{budget, stop};
  if (bytes <= kPutAtOnce) {
    const auto stored = client_->put(object, s3::FileRange{file, 0, bytes}, context);
    return stored ? Result<void>{} : std::unexpected(stored.error());
  }
  const auto created = client_->create_upload(object, {}, context);
  if (!created) return std::unexpected(created.error());
  const std::uint64_t part = std::max(kLeastPart, bytes / kMostParts + 1);
  std::vector<s3::PartChecksums> parts;
  std::optional<Error> error;
  for (std::uint64_t at = 0; at < bytes && !error; at += part) {
    const auto stored = client_->put_part(object, created->upload_id, static_cast<int>(parts.size()) + 1,
                                          {file, at, std::min(part, bytes - at)}, context);
    if (stored)
      parts.push_back(*stored);
    else
      error = stored.error();
  }
  if (!error)
    if (auto done = client_->complete_upload(object, created->upload_id, parts, context); !done)
      error = done.error();
  if (!error) return {};
  RetryBudget short_budget(std::chrono::seconds(10));
  (void)client_->abort_upload(object, created->upload_id, {short_budget, {}});
  return std::unexpected(*error);
}

Result<void> Store::discard(const Job& job, const std::string& name, std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const CallContext context{budget, stop};
  const S3Url folder = below(results_of(job), name);
  auto objects = client_->list(folder, context);
  if (!objects) return std::unexpected(objects.error());
  std::ranges::stable_partition(*objects,
                                [&](const S3Object& one) { return one.key == folder.key + kResultFile; });
  for (const S3Object& object : *objects)
    if (auto removed = client_->remove({folder.bucket, object.key}, context); !removed) return removed;
  const auto uploads = client_->open_uploads(folder, context);
  if (!uploads) return std::unexpected(uploads.error());
  for (const s3::OpenUpload& upload : *uploads)
    (void)client_->abort_upload({folder.bucket, upload.key}, upload.upload_id, context);
  return {};
}

Result<Store::Listing> Store::list(const Job& job, std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const S3Url folder = results_of(job);
  const auto objects = client_->list(folder, {budget, stop});
  if (!objects) return std::unexpected(objects.error());
  Listing out;
  const auto name_of = [&](const std::string& key) {
    const auto slash = key.find('/', folder.key.size());
    return slash == key.npos ? std::string() : key.substr(folder.key.size(), slash - folder.key.size());
  };
  for (const S3Object& object : *objects) {
    const std::string name = name_of(object.key);
    if (!is_claim_token(name)) continue;
    out.names.insert(name);
    if (object.key == folder.key + name + "/" + kResultFile) out.whole.insert(name);
  }
  const auto uploads = client_->open_uploads(folder, {budget, stop});
  if (!uploads) return std::unexpected(uploads.error());
  for (const s3::OpenUpload& upload : *uploads)
    if (const std::string name = name_of(upload.key); is_claim_token(name)) out.names.insert(name);
  return out;
}

Result<std::set<std::string>> Store::recordings(const std::string& node, std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const S3Url folder = below(recordings_of(node), "");
  const S3Url prefix{folder.bucket, s3::join_key(base_.key, "recordings/" + node) + "/"};
  const auto objects = client_->list(prefix, {budget, stop});
  if (!objects) return std::unexpected(objects.error());
  std::set<std::string> out;
  for (const S3Object& object : *objects) {
    const std::string rest = object.key.substr(prefix.key.size());
    const auto slash = rest.find('/');
    if (slash != rest.npos && rest.substr(slash + 1) == kManifestName) out.insert(rest.substr(0, slash));
  }
  return out;
}

Result<RecordingInfo> Store::about(const RecordingName& recording, std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const S3Url folder = below(recordings_of(recording.node), recording.recording);
  const auto text = client_->get_text(object_in(folder, kRecordingFileName), {budget, stop});
  if (!text) return std::unexpected(text.error());
  return parse_recording_info(*text);
}

Result<bool> Store::has(const RecordingName& recording, std::stop_token stop) const {
  RetryBudget budget(kShortPatience);
  const S3Url manifest = object_in(below(recordings_of(recording.node), recording.recording), kManifestName);
  const auto found = client_->head(manifest, {budget, stop});
  if (found) return true;
  if (found.error().code == Errc::not_found) return false;
  return std::unexpected(found.error());
}

Result<void> Store::put_node_key(const std::string& node, const std::string& key, std::stop_token stop) const {
  RetryBudget budget(std::chrono::milliseconds(0));
  const auto stored = client_->put(node_key_of(recordings_of(node)), key, {budget, stop});
  return stored ? Result<void>{} : std::unexpected(stored.error());
}

Result<std::string> Store::node_key(const std::string& node, std::stop_token stop) const {
  RetryBudget budget(kShortPatience);
  return client_->get_text(node_key_of(recordings_of(node)), {budget, stop});
}

Result<StoredResult> Store::result(const Job& job, const std::string& name, std::stop_token stop) const {
  RetryBudget budget(kPatience);
  const S3Url object = object_in(below(results_of(job), name), kResultFile);
  const auto text = client_->get_text(object, {budget, stop});
  if (!text) return std::unexpected(text.error());
  auto result = parse_result(*text);
  const bool is_its = result && result->record.token == name && key_of(result->record.job) == key_of(job);
  if (!is_its) return fail(Errc::malformed, object.text() + " is not the result that lies there.");
  return *std::move(result);
}

Result<std::optional<JobRecord>> Store::latest(const Job& job, std::stop_token stop) const {
  const auto listing = list(job, stop);
  if (!listing) return std::unexpected(listing.error());
  std::optional<JobRecord> out;
  for (const std::string& name : listing->whole) {
    const auto one = result(job, name, stop);
    if (!one && one.error().code != Errc::not_found && one.error().code != Errc::malformed)
      return std::unexpected(one.error());
    if (!one) continue;
    const auto order = [](const JobRecord& record) {
      return std::pair(record.job.generation, record.attempts);
    };
    if (!out || order(one->record) > order(*out)) out = one->record;
  }
  return out;
}

Result<void> Store::read(const Job& job, const std::string& name, const std::string& file, std::uint64_t from,
                         std::uint64_t length, const std::function<bool(std::string_view)>& sink,
                         std::stop_token stop) const {
  RetryBudget budget(std::chrono::seconds(20));
  return client_->get(object_in(below(results_of(job), name), file), from, length, "",
                      [&](Bytes piece) { return sink(as_text(piece)); }, {budget, stop});
}

}  // namespace rtpx::fleet
