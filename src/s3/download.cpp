#include "s3/download.hpp"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/file_system.hpp"
#include "base/json.hpp"
#include "s3/object_files.hpp"

namespace rtpx {
namespace s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDownloadPatience{30};  // without one successful request
constexpr std::size_t kRangesBetweenSaves = 4;         // as much is fetched twice after a kill -9

Arrived load_arrived(const fs::path& path, const ObjectInfo& info, std::uint64_t range_bytes) {
  Arrived fresh{info.etag, info.bytes, range_bytes, {}};
  const auto text = read_whole_file(real_file_system(), path, 64U << 20);
  auto known = text ? parse_arrived(*text) : std::nullopt;
  const bool same = known && !info.etag.empty() && known->etag == info.etag && known->bytes == info.bytes &&
                    known->range_bytes == range_bytes;
  return same ? *known : fresh;
}

Result<void> save_arrived(const fs::path& path, const Arrived& arrived) {
  return write_file_atomically(real_file_system(), path,
                               as_bytes(dump_json({{"etag", arrived.etag},
                                                   {"bytes", arrived.bytes},
                                                   {"range_bytes", arrived.range_bytes},
                                                   {"ranges", arrived.ranges}})));
}

/// True: the content was compared; false: the service tells nothing of it.
Result<bool> verify(const fs::path& file, const S3Url& object, const ObjectInfo& info) {
  const auto like = compare_with_metadata(file, info);
  if (!like) return std::unexpected(like.error());
  if (*like == Likeness::different)
    return fail(Errc::io, "What arrived of " + object.text() + " does not have the checksum that " +
                              "the service tells of it. Download it again.");
  return *like == Likeness::same;
}

/// Writes what arrives of an object from `at` on.
struct Arrival {
  const S3Url& object;
  File& file;
  Allowance& allowance;
  std::uint64_t at = 0;
  std::optional<Error> error = std::nullopt;

  bool take(Bytes piece) {
    if (!allowance.take(piece.size())) {
      error = Error{Errc::no_space,
                    "More is received of " + object.text() + " than may be downloaded. It was stopped."};
    } else if (auto written = file.pwrite(piece, at); !written) {
      error = written.error();
    }
    at += piece.size();
    return !error;
  }
};

Result<void> fetch_ranges(Client& client, const S3Url& object, File& file, Arrived& arrived,
                          const fs::path& state_path, Allowance& allowance, CallContext context,
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
      Arrival arrival{object, file, allowance, from};
      auto got = client.get(
          object, from, std::min(arrived.range_bytes, arrived.bytes - from), arrived.etag,
          [&](Bytes piece) {
            if (!arrival.take(piece)) return false;
            if (on_bytes) on_bytes(piece.size());
            return true;
          },
          context);
      const std::lock_guard lock(mutex);
      if (!got && !error) error = arrival.error.value_or(got.error());
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
  return verify(file, object, info).value_or(false);
}

}  // namespace

bool Allowance::take(std::uint64_t bytes) {
  if (!limited_) return true;
  std::uint64_t left = left_;
  do {
    if (bytes > left) {
      left_ = 0;
      return false;
    }
  } while (!left_.compare_exchange_weak(left, left - bytes));
  return true;
}

std::optional<Arrived> parse_arrived(std::string_view text) try {
  const auto value = parse_json(text, "the state of a download");
  if (!value || !value->is_object() || !value->at("bytes").is_number_unsigned() ||
      !value->at("range_bytes").is_number_unsigned())
    return std::nullopt;
  Arrived arrived{value->at("etag"), value->at("bytes"), value->at("range_bytes"), {}};
  for (const Json& range : value->at("ranges")) {
    const bool inside = range.is_number_unsigned() && arrived.range_bytes > 0 &&
                        range.get<std::uint64_t>() <= arrived.bytes / arrived.range_bytes;
    if (!inside) return std::nullopt;
    arrived.ranges.insert(range.get<std::uint64_t>());
  }
  return arrived;
} catch (const Json::exception&) {
  return std::nullopt;
}

std::uint64_t bytes_there(const fs::path& file) {
  return size_of(file) + size_of(part_of(file));
}

Result<bool> download_object(Client& client, const S3Url& object, const fs::path& file, Allowance& allowance,
                             CallContext context, const std::function<void(std::uint64_t)>& on_bytes) {
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
  const std::uint64_t room = allowance.limited() ? allowance.left() : free ? *free + have : UINT64_MAX;
  if (info->bytes > room)
    return fail(Errc::no_space, object.text() + " has " + std::to_string(info->bytes) + " bytes, and " +
                                    std::to_string(room) + " may be used in " + folder.string() + ".");

  Arrived arrived = load_arrived(state_path, *info, client.config().part_bytes);
  if (have == 0) arrived.ranges.clear();
  auto out = files.open(part, OpenMode::append);
  if (!out) return std::unexpected(out.error());
  if (on_bytes) on_bytes(std::min<std::uint64_t>(info->bytes, arrived.ranges.size() * arrived.range_bytes));
  if (auto fetched = fetch_ranges(client, object, **out, arrived, state_path, allowance, context, on_bytes);
      !fetched) {
    if (fetched.error().code == Errc::malformed) {  // the object changed: nothing of it is of use
      (void)files.remove(part);
      (void)files.remove(state_path);
    }
    return std::unexpected(fetched.error());
  }
  if (auto cut = (*out)->truncate(info->bytes); !cut) return std::unexpected(cut.error());
  auto verified = verify(part, object, *info);
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

Result<void> fetch_object(Client& client, const S3Url& object, std::uint64_t bytes, const fs::path& file,
                          Allowance& allowance, CallContext context) {
  if (bytes > client.config().part_bytes) {
    const auto got = download_object(client, object, file, allowance, context, {});
    return got ? Result<void>{} : std::unexpected(got.error());
  }
  auto out = real_file_system().open(file, OpenMode::create_new);
  if (!out) return std::unexpected(out.error());
  Arrival arrival{object, **out, allowance};
  ObjectInfo info;
  const auto got = client.get(object, 0, bytes, "", [&](Bytes piece) { return arrival.take(piece); }, context, &info);
  if (!got) return std::unexpected(arrival.error.value_or(got.error()));
  info.bytes = bytes;
  const auto verified = verify(file, object, info);
  return verified ? Result<void>{} : std::unexpected(verified.error());
}

namespace {

class S3Downloader final : public Downloader {
 public:
  S3Downloader(const S3Config& config, std::uint64_t max_bytes, std::stop_token stop)
      : client_(std::make_shared<Client>(config)),
        cache_(std::make_shared<RangeCache>(client_, stop)),
        allowance_(max_bytes),
        stop_(std::move(stop)) {}

  Result<void> download(const std::string& url, const fs::path& file) override {
    const auto object = parse_s3_url(url);
    if (!object) return std::unexpected(object.error());
    if (allowance_.limited() && allowance_.left() == 0)
      return fail(Errc::no_space, "Nothing is left of the bytes that may be downloaded, for " + url + ".");
    RetryBudget budget(kDownloadPatience);
    auto got = download_object(*client_, *object, file, allowance_, {budget, stop_}, {});
    if (!got) return std::unexpected(got.error());
    return {};
  }
  std::shared_ptr<FileSystem> objects() override {
    return std::make_shared<ObjectFiles>(client_, cache_, stop_);
  }

 private:
  const std::shared_ptr<Client> client_;
  const std::shared_ptr<RangeCache> cache_;
  Allowance allowance_;
  std::stop_token stop_;
};

}  // namespace
}  // namespace s3

Result<std::shared_ptr<Downloader>> make_s3_downloader(const S3Config& config, std::uint64_t max_bytes,
                                                       std::stop_token stop) {
  return std::make_shared<s3::S3Downloader>(config, max_bytes, std::move(stop));
}

}  // namespace rtpx
