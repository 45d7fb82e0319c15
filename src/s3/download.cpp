#include "s3/download.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "base/file_system.hpp"

namespace rtpx {
namespace s3 {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::chrono::seconds kDownloadPatience{30};  // without one successful request
constexpr std::size_t kRangesBetweenSaves = 4;         // as much is fetched twice after a kill -9

/// What has arrived of one version of an object, kept beside the temporary file.
struct Arrived {
  std::string etag;
  std::uint64_t bytes = 0, range_bytes = 0;
  std::set<std::uint64_t> ranges;  ///< numbers of whole ranges
};

Arrived load_arrived(const fs::path& path, const ObjectInfo& info, std::uint64_t range_bytes) {
  Arrived fresh{info.etag, info.bytes, range_bytes, {}};
  const auto text = read_whole_file(real_file_system(), path, 64U << 20);
  if (!text) return fresh;
  const json value = json::parse(*text, nullptr, false);
  if (!value.is_object() || value.value("etag", "") != info.etag ||
      value.value("bytes", std::uint64_t{0}) != info.bytes ||
      value.value("range_bytes", std::uint64_t{0}) != range_bytes || info.etag.empty())
    return fresh;
  if (const auto ranges = value.find("ranges"); ranges != value.end() && ranges->is_array())
    for (const json& range : *ranges)
      if (range.is_number_unsigned()) fresh.ranges.insert(range.get<std::uint64_t>());
  return fresh;
}

Result<void> save_arrived(const fs::path& path, const Arrived& arrived) {
  return write_file_atomically(real_file_system(), path,
                               as_bytes(json{{"etag", arrived.etag},
                                             {"bytes", arrived.bytes},
                                             {"range_bytes", arrived.range_bytes},
                                             {"ranges", arrived.ranges}}
                                            .dump()));
}

/// The ETag that `file` would have, with parts of `part_bytes` (0: put at once).
Result<std::string> etag_of(const File& file, std::uint64_t bytes, std::uint64_t part_bytes) {
  std::vector<std::byte> buffer(256U << 10);
  std::vector<Md5> sums;
  const std::uint64_t step = part_bytes == 0 ? std::max<std::uint64_t>(bytes, 1) : part_bytes;
  for (std::uint64_t from = 0; from < bytes || sums.empty(); from += step) {
    Digests digests(static_cast<unsigned>(Digests::Want::md5));
    const std::uint64_t end = std::min(bytes, from + step);
    for (std::uint64_t at = from; at < end;) {
      const auto got =
          file.pread(std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), end - at)), at);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) return fail(Errc::io, "A downloaded file became shorter while it was checked.");
      digests.add(Bytes(buffer.data(), *got));
      at += *got;
    }
    sums.push_back(digests.md5());
  }
  return part_bytes == 0 ? simple_etag(sums.front()) : multipart_etag(sums);
}

/// Compares content with the ETag; false where the ETag says nothing about it.
Result<bool> verify(const File& file, const S3Url& object, const ObjectInfo& info) {
  if (!etag_is_md5(info.etag)) return false;
  std::uint64_t part_bytes = 0;
  if (info.etag.find('-') != std::string::npos) {
    const auto told = info.metadata.find("rtpx-part-bytes");
    if (told == info.metadata.end()) return false;
    part_bytes = std::strtoull(told->second.c_str(), nullptr, 10);
    if (part_bytes == 0) return false;
  }
  const auto etag = etag_of(file, info.bytes, part_bytes);
  if (!etag) return std::unexpected(etag.error());
  if (*etag != info.etag)
    return fail(Errc::io, "What arrived of " + object.text() + " has checksum " + *etag +
                              ", the object's is " + info.etag + ". Download it again.");
  return true;
}

Result<void> fetch_ranges(Client& client, const S3Url& object, File& file, Arrived& arrived,
                          const fs::path& state_path, CallContext context,
                          const std::function<void(std::uint64_t)>& on_bytes) {
  std::vector<std::uint64_t> missing;
  for (std::uint64_t n = 0; n * arrived.range_bytes < arrived.bytes; ++n)
    if (!arrived.ranges.contains(n)) missing.push_back(n);
  std::mutex mutex;
  std::optional<Error> error;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < missing.size(); i = next++) {
      const std::uint64_t from = missing[i] * arrived.range_bytes;
      std::uint64_t at = from;
      std::optional<Error> write_error;
      auto got = client.get(
          object, from, std::min(arrived.range_bytes, arrived.bytes - from), arrived.etag,
          [&](Bytes piece) {
            if (auto written = file.pwrite(piece, at); !written) {
              write_error = written.error();
              return false;
            }
            at += piece.size();
            if (on_bytes) on_bytes(piece.size());
            return true;
          },
          context);
      const std::lock_guard lock(mutex);
      if (!got && !error) error = write_error ? *write_error : got.error();
      if (error) next = missing.size();
      if (!got) continue;
      arrived.ranges.insert(missing[i]);
      if (arrived.ranges.size() % kRangesBetweenSaves == 0 && file.sync())
        (void)save_arrived(state_path, arrived);
    }
  };
  {
    std::vector<std::jthread> workers;
    const auto wanted =
        std::min<std::size_t>(missing.size(), static_cast<std::size_t>(client.config().parallel));
    for (std::size_t i = 1; i < wanted; ++i) workers.emplace_back(work);
    work();
  }
  if (!error) return {};
  if (file.sync()) (void)save_arrived(state_path, arrived);
  return std::unexpected(*error);
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

fs::path part_of(const fs::path& file) {
  return folder_of(file) / ("." + file.filename().string() + ".part");
}

std::uint64_t size_of(const fs::path& path) {
  const auto there = real_file_system().stat(path);
  return there && *there ? (*there)->size : 0;
}

/// True when `file` has the object's checksum.
bool is_fetched(const fs::path& file, const S3Url& object, const ObjectInfo& info) {
  const auto there = real_file_system().stat(file);
  if (!there || !*there || (*there)->size != info.bytes) return false;
  const auto open = real_file_system().open(file, OpenMode::read);
  return open && verify(**open, object, info).value_or(false);
}

}  // namespace

std::uint64_t bytes_there(const fs::path& file) {
  return size_of(file) + size_of(part_of(file));
}

Result<bool> download_object(Client& client, const S3Url& object, const fs::path& file,
                             std::uint64_t max_bytes, CallContext context,
                             const std::function<void(std::uint64_t)>& on_bytes) {
  FileSystem& files = real_file_system();
  const auto info = client.head(object, context);
  if (!info) return std::unexpected(info.error());
  if (is_fetched(file, object, *info)) {
    if (on_bytes) on_bytes(info->bytes);
    return true;
  }
  const fs::path folder = folder_of(file);
  if (auto made = files.create_directories(folder); !made) return std::unexpected(made.error());
  const fs::path part = part_of(file);
  const fs::path state_path = part.string() + ".json";

  const std::uint64_t have = size_of(part);
  const auto free = files.free_bytes(folder);
  const std::uint64_t room = max_bytes != 0 ? max_bytes : free ? *free + have : UINT64_MAX;
  if (info->bytes > room)
    return fail(Errc::no_space, object.text() + " has " + std::to_string(info->bytes) + " bytes, and " +
                                    std::to_string(room) + " may be used in " + folder.string() + ".");

  Arrived arrived = load_arrived(state_path, *info, client.config().part_bytes);
  if (have == 0) arrived.ranges.clear();
  auto out = files.open(part, OpenMode::append);
  if (!out) return std::unexpected(out.error());
  if (on_bytes) on_bytes(std::min<std::uint64_t>(info->bytes, arrived.ranges.size() * arrived.range_bytes));
  if (auto fetched = fetch_ranges(client, object, **out, arrived, state_path, context, on_bytes); !fetched) {
    if (fetched.error().code == Errc::malformed) {  // the object changed: nothing of it is of use
      (void)files.remove(part);
      (void)files.remove(state_path);
    }
    return std::unexpected(fetched.error());
  }
  if (auto cut = (*out)->truncate(info->bytes); !cut) return std::unexpected(cut.error());
  auto verified = verify(**out, object, *info);
  if (verified)
    if (auto synced = (*out)->sync(); !synced) verified = std::unexpected(synced.error());
  if (!verified) {
    (void)files.remove(part);
    (void)files.remove(state_path);
    return verified;
  }
  if (auto renamed = files.rename(part, file); !renamed) return std::unexpected(renamed.error());
  (void)files.remove(state_path);
  if (auto synced = files.sync_directory(folder); !synced) return std::unexpected(synced.error());
  return verified;
}

namespace {

class S3Downloader final : public Downloader {
 public:
  S3Downloader(const S3Config& config, std::uint64_t max_bytes, std::stop_token stop)
      : client_(config), left_(max_bytes), limited_(max_bytes != 0), stop_(std::move(stop)) {}

  Result<void> download(const std::string& url, const fs::path& file) override {
    const auto object = parse_s3_url(url);
    if (!object) return std::unexpected(object.error());
    if (limited_ && left_ == 0)
      return fail(Errc::no_space, "Nothing is left of the bytes that may be downloaded, for " + url + ".");
    RetryBudget budget(kDownloadPatience);
    auto got = download_object(client_, *object, file, left_, {budget, stop_}, {});
    if (!got) return std::unexpected(got.error());
    if (limited_) left_ -= std::min<std::uint64_t>(left_, size_of(file));
    return {};
  }

 private:
  Client client_;
  std::uint64_t left_;
  bool limited_;
  std::stop_token stop_;
};

}  // namespace
}  // namespace s3

Result<std::shared_ptr<Downloader>> make_s3_downloader(const S3Config& config, std::uint64_t max_bytes,
                                                       std::stop_token stop) {
  return std::make_shared<s3::S3Downloader>(config, max_bytes, std::move(stop));
}

}  // namespace rtpx
