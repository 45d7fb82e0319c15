#include "support/fault_file_system.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <utility>

namespace rtpx::test {

namespace fs = std::filesystem;

/// A file or folder, with what of it would survive.
struct FaultFileSystem::Node {
  bool is_directory = false;

  // A file: `durable` is what was synced; of `data`, everything from dirty_from on may differ from it.
  std::string data, durable;
  std::size_t dirty_from = SIZE_MAX;
  std::uint64_t reserved = 0;

  // A folder: `durable_entries` plus `changes`, in order, make `entries`.
  struct Change {
    std::string added, removed;  // a rename within one folder is one change
    NodePtr node;
  };
  std::map<std::string, NodePtr> entries, durable_entries;
  std::vector<Change> changes;

  void change(const std::string& added, const NodePtr& node, const std::string& removed = {}) {
    changes.push_back({added, removed, node});
    apply(entries, changes.back());
  }
  static void apply(std::map<std::string, NodePtr>& to, const Change& change) {
    if (!change.removed.empty()) to.erase(change.removed);
    if (!change.added.empty()) to[change.added] = change.node;
  }
  void sync_data() {
    if (dirty_from == SIZE_MAX) return;
    const std::size_t same = std::min({dirty_from, durable.size(), data.size()});
    durable.resize(same);
    durable.append(data, same);
    dirty_from = SIZE_MAX;
  }
  [[nodiscard]] std::uint64_t space() const { return std::max<std::uint64_t>(data.size(), reserved); }
};

namespace {

constexpr std::size_t kPage = 4096;

std::vector<std::string> parts_of(const fs::path& path) {
  std::vector<std::string> parts;
  for (const fs::path& part : ("/" / path).lexically_normal().relative_path())
    if (!part.empty() && part != ".") parts.push_back(part.string());
  return parts;
}

Unexpected<Error> refused(Errc code, const char* what, const fs::path& path) {
  return fail(code,
              std::string("Cannot ") + what + " " + path.string() + ": " + to_string(code) + " (injected)");
}

/// What a power loss may leave of a file: any pages of what was not synced.
std::string random_part(const std::string& data, const std::string& durable, std::mt19937& random) {
  const std::size_t sizes[] = {
      durable.size(), data.size(),
      std::min(durable.size(), data.size()) +
          random() % (1 + std::max(durable.size(), data.size()) - std::min(durable.size(), data.size()))};
  std::string left(sizes[random() % 3], '\0');
  for (std::size_t at = 0; at < left.size(); at += kPage) {
    const std::string& from = random() % 2 == 0 ? data : durable;
    if (at < from.size()) from.copy(left.data() + at, std::min(kPage, left.size() - at), at);
  }
  return left;
}

}  // namespace

/// An open file of the fake disk.
class FaultFile final : public File {
 public:
  using Op = FaultFileSystem::Op;

  FaultFile(FaultFileSystem& disk, std::shared_ptr<FaultFileSystem::Node> node, fs::path path)
      : disk_(disk), node_(std::move(node)), path_(std::move(path)), end_(node_->data.size()) {}

  Result<std::size_t> writev(std::span<const Bytes> parts) override {
    const auto error = disk_.before(Op::write, path_);
    const std::lock_guard lock(disk_.mutex_);
    // A short write takes no longer than what it writes.
    const std::size_t most = !error && disk_.short_writes_ != 0 ? disk_.short_writes_ : std::string::npos;
    std::string all;
    for (const Bytes part : parts) all += as_text(part).substr(0, most - all.size());
    if (error) {
      // The call that the machine stopped in may have reached the disk in part.
      if (error->message.ends_with("stops here (injected)")) (void)store(all.substr(0, all.size() / 2), end_);
      return std::unexpected(*error);
    }
    if (all.empty()) return 0;
    const std::size_t stored = store(all, end_);
    if (stored == 0) return refused(Errc::no_space, "write", path_);
    end_ += stored;
    return stored;
  }

  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override {
    if (auto error = disk_.before(Op::pwrite, path_)) return std::unexpected(*error);
    const std::lock_guard lock(disk_.mutex_);
    if (store(std::string(as_text(bytes)), offset) < bytes.size())
      return refused(Errc::no_space, "write", path_);
    end_ = std::max<std::uint64_t>(end_, offset + bytes.size());
    return {};
  }

  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    if (auto error = disk_.before(Op::read, path_)) return std::unexpected(*error);
    const std::lock_guard lock(disk_.mutex_);
    if (offset >= node_->data.size()) return 0;
    const std::size_t count = std::min<std::size_t>(to.size(), node_->data.size() - offset);
    std::memcpy(to.data(), node_->data.data() + offset, count);
    return count;
  }

  Result<void> sync() override {
    if (auto error = disk_.before(Op::sync, path_)) return std::unexpected(*error);
    const std::lock_guard lock(disk_.mutex_);
    node_->sync_data();
    return {};
  }

  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override {
    if (auto error = disk_.before(Op::sync_range, path_)) return std::unexpected(*error);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (auto error = disk_.before(Op::truncate, path_)) return std::unexpected(*error);
    const std::lock_guard lock(disk_.mutex_);
    disk_.used_ -= node_->space();
    node_->dirty_from = std::min<std::size_t>({node_->dirty_from, node_->data.size(), size});
    node_->data.resize(size);
    node_->reserved = 0;
    disk_.used_ += node_->space();
    end_ = size;
    return {};
  }

  Result<void> reserve(std::uint64_t bytes) override {
    if (auto error = disk_.before(Op::reserve, path_)) return std::unexpected(*error);
    const std::lock_guard lock(disk_.mutex_);
    const std::uint64_t more = bytes > node_->space() ? bytes - node_->space() : 0;
    if (more > disk_.capacity_ - disk_.used_) return refused(Errc::no_space, "reserve space for", path_);
    node_->reserved = std::max(node_->reserved, bytes);
    disk_.used_ += more;
    return {};
  }

  bool preallocate(std::uint64_t bytes) override { return reserve(bytes).has_value(); }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    return node_->data.size();
  }

  Result<void> close() override {
    if (std::exchange(closed_, true)) return fail(Errc::internal, path_.string() + " was closed twice");
    if (auto error = disk_.before(Op::close, path_)) return std::unexpected(*error);
    return {};
  }

 private:
  /// Stores as much as there is room for; answers how much.
  std::size_t store(const std::string& bytes, std::uint64_t offset) {
    const std::uint64_t before = node_->space();
    const std::uint64_t room = disk_.capacity_ - std::min(disk_.capacity_, disk_.used_);
    const std::uint64_t limit = before + room;
    if (offset >= limit && !bytes.empty()) return 0;
    const std::size_t count = std::min<std::size_t>(bytes.size(), limit - offset);
    node_->dirty_from = std::min<std::size_t>({node_->dirty_from, node_->data.size(), offset});
    if (offset + count > node_->data.size()) node_->data.resize(offset + count);
    node_->data.replace(offset, count, bytes, 0, count);
    disk_.used_ += node_->space() - before;
    return count;
  }

  FaultFileSystem& disk_;
  std::shared_ptr<FaultFileSystem::Node> node_;
  fs::path path_;
  std::uint64_t end_;
  bool closed_ = false;
};

bool FaultFileSystem::changes(Op op) {
  switch (op) {
    case Op::create:
    case Op::write:
    case Op::pwrite:
    case Op::sync:
    case Op::truncate:
    case Op::create_directory:
    case Op::rename:
    case Op::link:
    case Op::remove:
    case Op::sync_directory:
      return true;
    default:
      return false;
  }
}

FaultFileSystem::FaultFileSystem() : root_(std::make_shared<Node>()) {
  root_->is_directory = true;
}
FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::set_hook(std::function<std::optional<Error>(const Call&)> hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

void FaultFileSystem::fail_at(std::uint64_t number, Errc code, bool for_good) {
  const std::lock_guard lock(mutex_);
  fail_at_ = number, fail_code_ = code, fail_for_good_ = for_good;
}

void FaultFileSystem::crash_at(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  crash_at_ = number;
}

void FaultFileSystem::crash_now() {
  const std::lock_guard lock(mutex_);
  crashed_ = true;
  unblocked_.notify_all();
}

bool FaultFileSystem::crashed() const {
  const std::lock_guard lock(mutex_);
  return crashed_;
}

void FaultFileSystem::block() {
  const std::lock_guard lock(mutex_);
  blocked_ = true;
}

void FaultFileSystem::unblock() {
  const std::lock_guard lock(mutex_);
  blocked_ = false;
  unblocked_.notify_all();
}

void FaultFileSystem::set_short_writes(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  short_writes_ = bytes;
}

void FaultFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

std::uint64_t FaultFileSystem::changing_calls() const {
  const std::lock_guard lock(mutex_);
  return changing_;
}

std::uint64_t FaultFileSystem::calls(Op op) const {
  const std::lock_guard lock(mutex_);
  const auto at = calls_.find(op);
  return at == calls_.end() ? 0 : at->second;
}

std::uint64_t FaultFileSystem::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::string FaultFileSystem::content(const fs::path& path) const {
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  return node && !node->is_directory ? node->data : std::string();
}

std::optional<Error> FaultFileSystem::before(Op op, const fs::path& path) {
  std::unique_lock lock(mutex_);
  if (crashed_) return Error{Errc::io, path.string() + ": the machine has stopped (injected)"};
  ++calls_[op];
  Call call{op, path, changes(op) ? ++changing_ : 0};
  if (call.number != 0 && call.number == crash_at_) {
    crashed_ = true;
    unblocked_.notify_all();
    return Error{Errc::io, path.string() + ": the machine stops here (injected)"};
  }
  if (hook_) {
    const auto hook = hook_;
    lock.unlock();
    if (auto error = hook(call)) return error;
    lock.lock();
  }
  if (op == Op::write || op == Op::pwrite || op == Op::sync || op == Op::sync_range ||
      op == Op::sync_directory)
    unblocked_.wait(lock, [this] { return !blocked_ || crashed_; });
  if (crashed_) return Error{Errc::io, path.string() + ": the machine has stopped (injected)"};
  const bool fails = call.number != 0 && fail_at_ != 0 &&
                     (call.number == fail_at_ || (fail_for_good_ && call.number > fail_at_));
  if (fails) return Error{fail_code_, path.string() + ": " + to_string(fail_code_) + " (injected)"};
  return std::nullopt;
}

FaultFileSystem::NodePtr FaultFileSystem::find(const fs::path& path) const {
  NodePtr node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto at = node->entries.find(part);
    if (at == node->entries.end()) return nullptr;
    node = at->second;
  }
  return node;
}

Result<std::pair<FaultFileSystem::NodePtr, std::string>> FaultFileSystem::parent_of(
    const fs::path& path) const {
  std::vector<std::string> parts = parts_of(path);
  if (parts.empty()) return refused(Errc::already_exists, "make", path);
  NodePtr node = root_;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const auto at = node->entries.find(parts[i]);
    if (at == node->entries.end() || !at->second->is_directory) return refused(Errc::not_found, "open", path);
    node = at->second;
  }
  return std::pair(node, parts.back());
}

Result<std::unique_ptr<File>> FaultFileSystem::open(const fs::path& path, OpenMode mode) {
  const auto exists = [&] {
    const std::lock_guard lock(mutex_);
    return find(path) != nullptr;
  };
  const bool creates = mode == OpenMode::create_new || (mode == OpenMode::append && !exists());
  if (auto error = before(creates ? Op::create : Op::open, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const auto parent = parent_of(path);
  if (!parent) return std::unexpected(parent.error());
  NodePtr node = find(path);
  if (node && node->is_directory) return refused(Errc::io, "open", path);
  if (node && mode == OpenMode::create_new) return refused(Errc::already_exists, "create", path);
  if (!node && !creates) return refused(Errc::not_found, "open", path);
  if (!node) {
    node = std::make_shared<Node>();
    parent->first->change(parent->second, node);
  }
  return std::make_unique<FaultFile>(*this, node, path);
}

Result<void> FaultFileSystem::create_directory(const fs::path& path) {
  if (auto error = before(Op::create_directory, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const auto parent = parent_of(path);
  if (!parent) return std::unexpected(parent.error());
  if (find(path)) return refused(Errc::already_exists, "create folder", path);
  const auto node = std::make_shared<Node>();
  node->is_directory = true;
  parent->first->change(parent->second, node);
  return {};
}

Result<void> FaultFileSystem::create_directories(const fs::path& path) {
  fs::path prefix = "/";
  for (const std::string& part : parts_of(path)) {
    prefix /= part;
    const auto info = stat(prefix);
    if (!info) return std::unexpected(info.error());
    if (*info && (*info)->is_directory) continue;
    if (const auto done = create_directory(prefix); !done) return done;
  }
  return {};
}

Result<void> FaultFileSystem::rename(const fs::path& from, const fs::path& to) {
  if (auto error = before(Op::rename, from)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const auto source = parent_of(from), target = parent_of(to);
  if (!source) return std::unexpected(source.error());
  if (!target) return std::unexpected(target.error());
  const NodePtr node = find(from), old = find(to);
  if (!node) return refused(Errc::not_found, "rename", from);
  if (old && old->is_directory) return refused(Errc::already_exists, "rename", from);
  if (old) used_ -= old->space();
  if (source->first == target->first) {
    source->first->change(target->second, node, source->second);
  } else {
    target->first->change(target->second, node);
    source->first->change({}, nullptr, source->second);
  }
  return {};
}

Result<void> FaultFileSystem::link(const fs::path& from, const fs::path& to) {
  if (auto error = before(Op::link, to)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const auto target = parent_of(to);
  if (!target) return std::unexpected(target.error());
  const NodePtr node = find(from);
  if (!node) return refused(Errc::not_found, "link to", from);
  if (find(to)) return refused(Errc::already_exists, "link to", to);
  target->first->change(target->second, node);
  return {};
}

Result<void> FaultFileSystem::remove(const fs::path& path) {
  if (auto error = before(Op::remove, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const auto parent = parent_of(path);
  const NodePtr node = find(path);
  if (!parent || !node) return refused(Errc::not_found, "remove", path);
  if (node->is_directory && !node->entries.empty()) return refused(Errc::already_exists, "remove", path);
  used_ -= node->space();
  parent->first->change({}, nullptr, parent->second);
  return {};
}

Result<void> FaultFileSystem::sync_directory(const fs::path& path) {
  if (auto error = before(Op::sync_directory, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->is_directory) return refused(Errc::not_found, "sync folder", path);
  node->durable_entries = node->entries;
  node->changes.clear();
  return {};
}

Result<std::vector<DirectoryEntry>> FaultFileSystem::list(const fs::path& path) {
  if (auto error = before(Op::list, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node || !node->is_directory) return refused(Errc::not_found, "list", path);
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, entry] : node->entries) entries.push_back({name, entry->is_directory});
  return entries;
}

Result<std::optional<FileInfo>> FaultFileSystem::stat(const fs::path& path) {
  if (auto error = before(Op::stat, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  const NodePtr node = find(path);
  if (!node) return std::nullopt;
  return FileInfo{node->is_directory, node->data.size()};
}

Result<std::uint64_t> FaultFileSystem::free_bytes(const fs::path& path) {
  if (auto error = before(Op::free_bytes, path)) return std::unexpected(*error);
  const std::lock_guard lock(mutex_);
  return capacity_ - std::min(capacity_, used_);
}

void FaultFileSystem::contents(const fs::path& from, const fs::path& into) const {
  const std::lock_guard lock(mutex_);
  std::optional<unsigned> no_seed;
  if (const NodePtr node = find(from)) put(*node, into, false, no_seed);
}

void FaultFileSystem::survivors(const fs::path& from, const fs::path& into,
                                std::optional<unsigned> seed) const {
  const std::lock_guard lock(mutex_);
  // The way to `from` must have survived as well.
  NodePtr node = root_;
  for (const std::string& part : parts_of(from)) {
    const auto at = node->durable_entries.find(part);
    const auto now = node->entries.find(part);
    const bool lucky = seed && now != node->entries.end();
    if (at == node->durable_entries.end() && !lucky) {
      fs::create_directories(into);
      return;
    }
    node = lucky ? now->second : at->second;
  }
  put(*node, into, true, seed);
}

void FaultFileSystem::put(const Node& node, const fs::path& into, bool durable,
                          std::optional<unsigned>& seed) const {
  std::mt19937 random(seed ? (*seed)++ : 0);
  if (!node.is_directory) {
    const std::string left = !durable ? node.data
                             : seed   ? random_part(node.data, node.durable, random)
                                      : node.durable;
    std::ofstream(into, std::ios::binary) << left;
    return;
  }
  std::map<std::string, NodePtr> entries = durable ? node.durable_entries : node.entries;
  if (durable && seed) {
    const std::size_t survived = random() % (node.changes.size() + 1);
    for (std::size_t i = 0; i < survived; ++i) Node::apply(entries, node.changes[i]);
  }
  fs::create_directories(into);
  for (const auto& [name, entry] : entries) put(*entry, into / name, durable, seed);
}

}  // namespace rtpx::test
