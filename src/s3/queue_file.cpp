#include "s3/queue_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <set>

#include "base/file_name.hpp"
#include "base/file_system.hpp"
#include "storage/location.hpp"

namespace rtpx::s3 {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::uint64_t kMaxQueueFile = 64U << 20;
constexpr int kQueueVersion = 1;

Result<void> save(const fs::path& path, const json& value) {
  FileSystem& files = real_file_system();
  if (auto made = files.create_directories(path.parent_path()); !made) return made;
  return write_file_atomically(files, path, as_bytes(value.dump(1)));
}

std::optional<json> load(const fs::path& path) {
  const auto text = read_whole_file(real_file_system(), path, kMaxQueueFile);
  if (!text) return std::nullopt;
  json value = json::parse(*text, nullptr, false);
  if (!value.is_object() || value.value("version", 0) != kQueueVersion) return std::nullopt;
  return value;
}

Md5 md5_from_hex(const std::string& text) {
  Md5 out{};
  for (std::size_t i = 0; i < out.size() && 2 * i + 1 < text.size(); ++i)
    out[i] = static_cast<std::uint8_t>(std::strtoul(text.substr(2 * i, 2).c_str(), nullptr, 16));
  return out;
}

std::optional<ObjectState> object_from(const json& value) try {
  ObjectState state;
  state.object = {value.at("bucket"), value.at("key")};
  state.file = value.at("file");
  state.bytes = value.at("bytes");
  state.part_bytes = value.at("part_bytes");
  state.upload_id = value.at("upload_id");
  state.upload_wanted = value.at("upload_wanted");
  state.done = value.at("done");
  state.verified = value.at("verified");
  for (const json& part : value.at("parts")) {
    const int number = part.at("number");
    if (number < 1 || number > kMaxParts) return std::nullopt;
    state.parts[number] = {part.at("etag"), md5_from_hex(part.at("md5"))};
  }
  return state;
} catch (const json::exception&) {
  return std::nullopt;
}

std::optional<TaskState> task_from(const fs::path& path) try {
  const auto value = load(path);
  if (!value) return std::nullopt;
  TaskState task;
  task.name = path.filename();
  task.bucket = value->at("bucket");
  task.base_path = value->at("base_path");
  task.upload_manifest = value->at("upload_manifest");
  task.delete_after_upload = value->at("delete_after_upload");
  task.files = value->at("files");
  auto manifest = parse_manifest(value->at("manifest").get<std::string>());
  if (!manifest) return std::nullopt;
  task.manifest = std::move(*manifest);
  return task;
} catch (const json::exception&) {
  return std::nullopt;
}

std::vector<fs::path> queue_files(const fs::path& folder, std::string_view prefix) {
  std::vector<fs::path> out;
  const auto entries = real_file_system().list(folder / kQueueFolder);
  if (!entries) return out;
  for (const auto& entry : *entries)
    if (entry.name.starts_with(prefix) && entry.name.ends_with(".json"))
      out.push_back(folder / kQueueFolder / entry.name);
  return out;
}

}  // namespace

fs::path object_state_path(const fs::path& folder, const std::string& file) {
  return folder / kQueueFolder / ("object-" + encode_file_name(file) + ".json");
}

std::optional<ObjectState> load_object_state(const fs::path& folder, const std::string& file) {
  const auto value = load(object_state_path(folder, file));
  return value ? object_from(*value) : std::nullopt;
}

Result<void> save_object_state(const fs::path& folder, const ObjectState& state) {
  json parts = json::array();
  for (const auto& [number, part] : state.parts)
    parts.push_back({{"number", number}, {"etag", part.etag}, {"md5", hex(part.md5)}});
  return save(object_state_path(folder, state.file), {{"version", kQueueVersion},
                                                      {"bucket", state.object.bucket},
                                                      {"key", state.object.key},
                                                      {"file", state.file},
                                                      {"bytes", state.bytes},
                                                      {"part_bytes", state.part_bytes},
                                                      {"upload_id", state.upload_id},
                                                      {"upload_wanted", state.upload_wanted},
                                                      {"done", state.done},
                                                      {"verified", state.verified},
                                                      {"parts", parts}});
}

std::vector<ObjectState> load_object_states(const fs::path& folder) {
  std::vector<ObjectState> out;
  for (const fs::path& path : queue_files(folder, "object-"))
    if (const auto value = load(path))
      if (auto state = object_from(*value)) out.push_back(std::move(*state));
  return out;
}

Result<void> save_task(const fs::path& folder, TaskState& task) {
  for (int number = 1; task.name.empty(); ++number) {
    const std::string name = "task-" + std::to_string(number) + ".json";
    const auto there = real_file_system().stat(folder / kQueueFolder / name);
    if (!there) return std::unexpected(there.error());
    if (!*there) task.name = name;
  }
  return save(folder / kQueueFolder / task.name, {{"version", kQueueVersion},
                                                  {"bucket", task.bucket},
                                                  {"base_path", task.base_path},
                                                  {"upload_manifest", task.upload_manifest},
                                                  {"delete_after_upload", task.delete_after_upload},
                                                  {"files", task.files},
                                                  {"manifest", serialize_manifest(task.manifest)}});
}

std::vector<TaskState> load_tasks(const fs::path& folder) {
  std::vector<TaskState> out;
  for (const fs::path& path : queue_files(folder, "task-"))
    if (auto task = task_from(path)) out.push_back(std::move(*task));
  return out;
}

Result<void> remove_task(const fs::path& folder, const TaskState& task) {
  if (auto removed = real_file_system().remove(folder / kQueueFolder / task.name); !removed) return removed;
  return real_file_system().sync_directory(folder / kQueueFolder);
}

std::vector<TaskState> unfinished_tasks(const fs::path& folder) {
  std::vector<TaskState> tasks = load_tasks(folder);
  std::set<std::string> in_tasks;
  for (const TaskState& task : tasks) in_tasks.insert(task.files.begin(), task.files.end());
  for (const ObjectState& state : load_object_states(folder)) {
    if (state.done || in_tasks.contains(state.file)) continue;
    const std::string below = folder.filename().string() + "/" + state.file;
    const auto manifest = read_manifest(folder);
    if (!manifest || !state.object.key.ends_with(below)) continue;
    TaskState task;
    task.bucket = state.object.bucket;
    task.base_path = state.object.key.substr(0, state.object.key.size() - below.size());
    task.files = files_of_recording(folder);
    task.manifest = *manifest;
    tasks.push_back(std::move(task));
    break;
  }
  return tasks;
}

std::vector<fs::path> folders_with_uploads(const fs::path& folder) {
  std::vector<fs::path> out;
  if (!unfinished_tasks(folder).empty()) out.push_back(folder);
  if (const auto entries = real_file_system().list(folder))
    for (const auto& entry : *entries)
      if (entry.is_directory && !unfinished_tasks(folder / entry.name).empty())
        out.push_back(folder / entry.name);
  return out;
}

std::vector<std::string> files_of_recording(const fs::path& folder) {
  std::vector<std::string> out;
  const auto entries = real_file_system().list(folder);
  if (!entries) return out;
  for (const auto& entry : *entries)
    if (!entry.name.starts_with('.') && entry.name != "manifest.json" &&
        look_below(folder, entry.name) == Below::file)
      out.push_back(entry.name);
  return out;
}

Result<QueueLock> QueueLock::take(const fs::path& folder) {
  const fs::path queue = folder / kQueueFolder;
  if (auto made = real_file_system().create_directories(queue); !made) return std::unexpected(made.error());
  const int descriptor = ::open(queue.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

}  // namespace rtpx::s3
