#include "s3/queue_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/file_name.hpp"
#include "base/file_system.hpp"
#include "base/json.hpp"
#include "s3/content.hpp"
#include "s3/names.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxQueueFile = 64U << 20;
constexpr int kQueueVersion = 2;
constexpr std::uint64_t kLargestObject = 1ULL << 50;  // larger than any service takes
constexpr std::string_view kObjectPrefix = "object-", kTaskPrefix = "task-";

Result<void> save(const fs::path& path, const std::string& text) {
  FileSystem& files = real_file_system();
  if (auto made = files.create_directories(path.parent_path()); !made) return made;
  return write_file_atomically(files, path, as_bytes(text));
}

std::optional<std::string> load(const fs::path& path) {
  auto text = read_whole_file(real_file_system(), path, kMaxQueueFile);
  if (!text) return std::nullopt;
  return std::move(*text);
}

std::optional<Md5> md5_from_hex(std::string_view text) {
  Md5 out{};
  if (text.size() != 2 * out.size() || !etag_is_md5(text)) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::stoi(std::string(text.substr(2 * i, 2)), nullptr, 16));
  return out;
}

/// Of a size, none negative, fractional or beyond reason.
std::uint64_t size_at(const Json& value, const char* key) {
  const Json& number = value.at(key);
  if (!number.is_number_unsigned() || number.get<std::uint64_t>() > kLargestObject)
    throw Json::other_error::create(501, "no size", &value);
  return number.get<std::uint64_t>();
}

bool is_target(const std::string& endpoint, const std::string& bucket, const std::string& key) {
  return endpoint.find("://") != endpoint.npos && check_bucket_name(bucket) && check_key(key);
}

std::string file_name_of(const ObjectState& state) {
  const std::string target =
      state.target.endpoint + "\n" + state.target.object.bucket + "\n" + state.target.object.key;
  return std::string(kObjectPrefix) + encode_file_name(state.file) + "-" + hex(sha256(target)).substr(0, 16) +
         ".json";
}

std::vector<fs::path> queue_files(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> out;
  const auto entries = real_file_system().list(queue_of(folder));
  if (!entries) return out;
  for (const auto& entry : *entries)
    if (entry.name.starts_with(prefix) && entry.name.ends_with(".json"))
      out.push_back(queue_of(folder) / entry.name);
  return out;
}

bool may_be_open(const ObjectState& state) {
  return !state.upload_id.empty() || state.upload_wanted;
}

/// Of an object at `<base path>/<recording>/<file>`; nullopt for any other.
std::optional<std::string> base_path_of(const ObjectState& state, const fs::path& folder) {
  const std::string below = folder.filename().string() + "/" + state.file;
  const std::string& key = state.target.object.key;
  if (key != below && !key.ends_with("/" + below)) return std::nullopt;
  std::string base = key.substr(0, key.size() - below.size());
  while (base.ends_with('/')) base.pop_back();
  return base;
}

}  // namespace

fs::path recording_folder(const fs::path& folder) {
  const fs::path path = fs::absolute(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

fs::path queue_of(const fs::path& folder) {
  return folder.parent_path() / kQueueFolder / folder.filename();
}

std::optional<ObjectState> parse_object_state(std::string_view text) try {
  const auto value = parse_json(text, "the upload queue");
  if (!value || !value->is_object() || value->at("version") != kQueueVersion) return std::nullopt;
  ObjectState state;
  state.target = {value->at("endpoint"), {value->at("bucket"), value->at("key")}};
  state.file = value->at("file");
  state.bytes = size_at(*value, "bytes");
  state.part_bytes = size_at(*value, "part_bytes");
  state.upload_id = value->at("upload_id");
  state.upload_wanted = value->at("upload_wanted");
  state.with_crc32c = value->at("with_crc32c");
  state.done = value->at("done");
  state.verified = value->at("verified");
  state.etag = value->at("etag");
  if (!is_target(state.target.endpoint, state.target.object.bucket, state.target.object.key) ||
      !check_plain_name(state.file))
    return std::nullopt;
  for (const Json& part : value->at("parts")) {
    const std::uint64_t number = size_at(part, "number");
    const auto md5 = md5_from_hex(part.at("md5").get<std::string>());
    if (number < 1 || number > kMostParts || !md5) return std::nullopt;
    state.parts[static_cast<int>(number)] = {part.at("etag"), *md5, part.at("crc32c")};
  }
  return state;
} catch (const Json::exception&) {
  return std::nullopt;
}

std::string serialize_object_state(const ObjectState& state) {
  Json parts = Json::array();
  for (const auto& [number, part] : state.parts)
    parts.push_back(
        {{"number", number}, {"etag", part.etag}, {"md5", hex(part.md5)}, {"crc32c", part.crc32c}});
  return dump_json({{"version", kQueueVersion},
                    {"endpoint", state.target.endpoint},
                    {"bucket", state.target.object.bucket},
                    {"key", state.target.object.key},
                    {"file", state.file},
                    {"bytes", state.bytes},
                    {"part_bytes", state.part_bytes},
                    {"upload_id", state.upload_id},
                    {"upload_wanted", state.upload_wanted},
                    {"with_crc32c", state.with_crc32c},
                    {"done", state.done},
                    {"verified", state.verified},
                    {"etag", state.etag},
                    {"parts", parts}});
}

ObjectState load_object_state(const fs::path& folder, const Target& target, const std::string& file) {
  ObjectState fresh;
  fresh.target = target;
  fresh.file = file;
  const auto text = load(queue_of(folder) / file_name_of(fresh));
  if (!text) return fresh;
  if (auto state = parse_object_state(*text); state && state->target == target && state->file == file)
    return std::move(*state);
  fresh.upload_wanted = true;
  return fresh;
}

Result<void> save_object_state(const fs::path& folder, const ObjectState& state) {
  return save(queue_of(folder) / file_name_of(state), serialize_object_state(state));
}

Result<void> remove_object_state(const fs::path& folder, const ObjectState& state) {
  return real_file_system().remove(queue_of(folder) / file_name_of(state));
}

std::vector<ObjectState> load_object_states(const fs::path& folder) {
  std::vector<ObjectState> out;
  for (const fs::path& path : queue_files(folder, kObjectPrefix))
    if (const auto text = load(path))
      if (auto state = parse_object_state(*text)) out.push_back(std::move(*state));
  return out;
}

std::optional<TaskState> parse_task(std::string_view text) try {
  const auto value = parse_json(text, "the upload queue");
  if (!value || !value->is_object() || value->at("version") != kQueueVersion) return std::nullopt;
  TaskState task;
  task.endpoint = value->at("endpoint");
  task.bucket = value->at("bucket");
  task.base_path = value->at("base_path");
  task.upload_manifest = value->at("upload_manifest");
  task.delete_after_upload = value->at("delete_after_upload");
  task.files = value->at("files").get<std::vector<std::string>>();
  if (!is_target(task.endpoint, task.bucket, task.base_path) ||
      !std::ranges::all_of(task.files,
                           [](const std::string& file) { return check_plain_name(file).has_value(); }))
    return std::nullopt;
  auto manifest = parse_manifest(value->at("manifest").get<std::string>());
  if (!manifest) return std::nullopt;
  task.manifest = std::move(*manifest);
  return task;
} catch (const Json::exception&) {
  return std::nullopt;
}

std::string serialize_task(const TaskState& task) {
  return dump_json({{"version", kQueueVersion},
                    {"endpoint", task.endpoint},
                    {"bucket", task.bucket},
                    {"base_path", task.base_path},
                    {"upload_manifest", task.upload_manifest},
                    {"delete_after_upload", task.delete_after_upload},
                    {"files", task.files},
                    {"manifest", serialize_manifest(task.manifest)}});
}

Result<void> save_task(const fs::path& folder, TaskState& task) {
  for (int number = 1; task.name.empty(); ++number) {
    const std::string name = std::string(kTaskPrefix) + std::to_string(number) + ".json";
    const auto there = real_file_system().stat(queue_of(folder) / name);
    if (!there) return std::unexpected(there.error());
    if (!*there) task.name = name;
  }
  return save(queue_of(folder) / task.name, serialize_task(task));
}

std::vector<TaskState> load_tasks(const fs::path& folder) {
  std::vector<TaskState> out;
  for (const fs::path& path : queue_files(folder, kTaskPrefix)) {
    const auto text = load(path);
    auto task = text ? parse_task(*text) : std::nullopt;
    if (!task) continue;
    task->name = path.filename();
    out.push_back(std::move(*task));
  }
  return out;
}

Result<void> remove_task(const fs::path& folder, const TaskState& task) {
  if (auto removed = real_file_system().remove(queue_of(folder) / task.name); !removed) return removed;
  return real_file_system().sync_directory(queue_of(folder));
}

std::vector<TaskState> unfinished_tasks(const fs::path& folder) {
  std::vector<TaskState> tasks = load_tasks(folder);
  for (const ObjectState& state : load_object_states(folder)) {
    const auto base_path = base_path_of(state, folder);
    if (state.done || !may_be_open(state) || !base_path) continue;
    const bool has_task = std::ranges::any_of(tasks, [&](const TaskState& task) {
      return task.endpoint == state.target.endpoint && task.bucket == state.target.object.bucket &&
             task.base_path == *base_path && std::ranges::find(task.files, state.file) != task.files.end();
    });
    if (has_task) continue;
    const auto manifest = read_manifest(folder);
    auto files = files_of_recording(folder);
    if (!manifest || !files) continue;
    TaskState task;
    task.endpoint = state.target.endpoint;
    task.bucket = state.target.object.bucket;
    task.base_path = *base_path;
    task.files = std::move(*files);
    task.manifest = *manifest;
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<fs::path> folders_with_queues(const fs::path& folder) {
  std::vector<fs::path> out;
  const auto has_queue = [](const fs::path& recording) {
    return !queue_files(recording, kTaskPrefix).empty() || !queue_files(recording, kObjectPrefix).empty();
  };
  if (has_queue(folder)) out.push_back(folder);
  if (const auto entries = real_file_system().list(folder / kQueueFolder))
    for (const auto& entry : *entries)
      if (entry.is_directory && has_queue(folder / entry.name)) out.push_back(folder / entry.name);
  return out;
}

Result<std::vector<std::string>> files_of_recording(const fs::path& folder) {
  std::vector<std::string> out;
  const auto entries = real_file_system().list(folder);
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    if (entry.is_directory || entry.name.starts_with('.') || entry.name == "manifest.json") continue;
    if (entry.name == "packets.rtpxp") continue;  // it speaks of the files here; what is stored gets one of its own
    if (const auto size = regular_size(folder / entry.name); !size) return std::unexpected(size.error());
    out.push_back(entry.name);
  }
  return out;
}

Result<QueueLock> QueueLock::take(const fs::path& folder) {
  const fs::path queue = queue_of(folder);
  if (auto made = real_file_system().create_directories(queue); !made) return std::unexpected(made.error());
  const int descriptor = ::open(queue.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return std::unexpected(os_error("open", queue, errno));
  QueueLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return fail(Errc::already_exists, "Another upload from " + folder.string() + " is under way.");
  return std::unexpected(os_error("lock", queue, errno));
}

QueueLock::~QueueLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void forget_queue(const fs::path& folder) {
  const fs::path queue = queue_of(folder);
  std::error_code error;
  if (!fs::is_directory(queue, error)) return;
  const auto lock = QueueLock::take(folder);
  if (!lock) return;
  std::size_t known = 0;
  for (const ObjectState& state : load_object_states(folder)) {
    if (may_be_open(state)) return;
    ++known;
  }
  if (known == queue_files(folder, kObjectPrefix).size()) fs::remove_all(queue, error);
}

}  // namespace rtpx::s3
