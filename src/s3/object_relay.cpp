#include "s3/object_relay.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

#include "base/thread.hpp"
#include "s3/object_files.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostRead = 1U << 20, kLongestUrl = 4096, kLongestAnswer = 64U << 20;
constexpr int kFirstDescriptor = 16;  // clear of those that a child is given

enum class Ask : std::uint32_t { read, stat, list };

/// What goes over the socket, between two processes of one machine and one build: a head, and then its text
/// or bytes.
struct Question {
  Ask ask = Ask::read;
  std::uint32_t url_bytes = 0;  // follow
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};
struct Answer {
  bool failed = false;  // then `code` is an Errc, and a message follows
  bool is_there = false;
  std::uint32_t code = 0;
  std::uint64_t size = 0;
  std::uint64_t bytes = 0;  // follow
};

bool get(int descriptor, std::span<std::byte> to) {
  while (!to.empty()) {
    const ssize_t got = ::read(descriptor, to.data(), to.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to = to.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool put(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

template <typename Head>
bool get_head(int descriptor, Head& head) {
  return get(descriptor, std::as_writable_bytes(std::span(&head, 1)));
}
template <typename Head>
bool put_head(int descriptor, const Head& head) {
  return put(descriptor, std::as_bytes(std::span(&head, 1)));
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

bool refuse(int descriptor, const Error& error) {
  return put_head(descriptor, Answer{.failed = true,
                                     .code = static_cast<std::uint32_t>(error.code),
                                     .bytes = error.message.size()}) &&
         put(descriptor, bytes_of(error.message));
}

/// Files that are read, by URL: a recording has a few.
class OpenObjects {
 public:
  explicit OpenObjects(FileSystem& objects) : objects_(objects) {}
  Result<File*> open(const std::string& url) {
    if (const auto known = files_.find(url); known != files_.end()) return known->second.get();
    auto file = objects_.open(url, OpenMode::read);
    if (!file) return std::unexpected(file.error());
    if (files_.size() >= kMost) files_.clear();
    return (files_[url] = *std::move(file)).get();
  }

 private:
  static constexpr std::size_t kMost = 256;
  FileSystem& objects_;
  std::map<std::string, std::unique_ptr<File>> files_;
};

bool answer_read(int descriptor, OpenObjects& open, const std::string& url, const Question& question) {
  const auto file = open.open(url);
  if (!file) return refuse(descriptor, file.error());
  std::string bytes(std::min<std::uint64_t>(question.length, kMostRead), '\0');
  const auto got = (*file)->pread(std::as_writable_bytes(std::span(bytes)), question.offset);
  if (!got) return refuse(descriptor, got.error());
  bytes.resize(*got);
  return put_head(descriptor, Answer{.is_there = true, .bytes = *got}) && put(descriptor, bytes_of(bytes));
}

bool answer_stat(int descriptor, FileSystem& objects, const std::string& url) {
  const auto info = objects.stat(url);
  if (!info) return refuse(descriptor, info.error());
  if (!*info) return put_head(descriptor, Answer{});
  const std::string& version = (*info)->version;
  return put_head(descriptor, Answer{.is_there = true, .size = (*info)->size, .bytes = version.size()}) &&
         put(descriptor, bytes_of(version));
}

/// Names with a zero behind each.
bool answer_list(int descriptor, FileSystem& objects, const std::string& url) {
  const auto entries = objects.list(url);
  if (!entries) return refuse(descriptor, entries.error());
  std::string names;
  for (const DirectoryEntry& entry : *entries) (names += entry.name) += '\0';
  return put_head(descriptor, Answer{.is_there = true, .bytes = names.size()}) &&
         put(descriptor, bytes_of(names));
}

/// The asking end.
class Connection {
 public:
  explicit Connection(int descriptor) : descriptor_(descriptor) {}

  Result<std::pair<Answer, std::string>> ask(Ask what, const std::string& url, std::uint64_t offset = 0,
                                             std::uint64_t length = 0) {
    const std::lock_guard lock(mutex_);
    const Question question{what, static_cast<std::uint32_t>(url.size()), offset, length};
    Answer answer;
    std::string text;
    bool done = url.size() <= kLongestUrl && put_head(descriptor_, question) &&
                put(descriptor_, bytes_of(url)) && get_head(descriptor_, answer) &&
                answer.bytes <= kLongestAnswer;
    if (done) {
      text.resize(answer.bytes);
      done = get(descriptor_, std::as_writable_bytes(std::span(text)));
    }
    if (!done) return fail(Errc::network, url + " cannot be read: the process that has the network is gone");
    if (answer.failed) return std::unexpected(Error{static_cast<Errc>(answer.code), std::move(text)});
    return std::pair{answer, std::move(text)};
  }

 private:
  const int descriptor_;
  std::mutex mutex_;
};

class RelayedObject final : public RemoteObject {
 public:
  RelayedObject(std::shared_ptr<Connection> connection, const fs::path& url, std::uint64_t size)
      : RemoteObject(url), connection_(std::move(connection)), url_(url.string()), size_(size) {}

  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    std::size_t done = 0;
    while (done < to.size() && offset + done < size_) {
      const std::size_t wanted = std::min(to.size() - done, kMostRead);
      const auto got = connection_->ask(Ask::read, url_, offset + done, wanted);
      if (!got) return std::unexpected(got.error());
      const std::string& bytes = got->second;
      if (bytes.empty() || bytes.size() > wanted) break;
      std::memcpy(to.data() + done, bytes.data(), bytes.size());
      done += bytes.size();
    }
    return done;
  }
  Result<std::uint64_t> size() const override { return size_; }

 private:
  const std::shared_ptr<Connection> connection_;
  const std::string url_;
  const std::uint64_t size_;
};

class RelayedFiles final : public RemoteFiles {
 public:
  explicit RelayedFiles(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

 protected:
  Result<std::unique_ptr<File>> open_object(const fs::path& url) override {
    const auto info = stat_object(url);
    if (!info) return std::unexpected(info.error());
    if (!*info) return fail(Errc::not_found, "There is no " + url.string() + ".");
    return std::make_unique<RelayedObject>(connection_, url, (*info)->size);
  }
  Result<std::optional<FileInfo>> stat_object(const fs::path& url) override {
    auto told = connection_->ask(Ask::stat, url.string());
    if (!told) return std::unexpected(told.error());
    return told->first.is_there ? std::optional(FileInfo{false, told->first.size, std::move(told->second)})
                                : std::nullopt;
  }
  Result<std::vector<DirectoryEntry>> list_objects(const fs::path& url) override {
    const auto told = connection_->ask(Ask::list, url.string());
    if (!told) return std::unexpected(told.error());
    std::vector<DirectoryEntry> out;
    for (std::size_t at = 0, end; (end = told->second.find('\0', at)) != std::string::npos; at = end + 1)
      out.push_back({told->second.substr(at, end - at), false});
    return out;
  }

 private:
  const std::shared_ptr<Connection> connection_;
};

class RelayedDownloader final : public Downloader {
 public:
  explicit RelayedDownloader(int descriptor) : connection_(std::make_shared<Connection>(descriptor)) {}
  Result<void> download(const std::string& url, const fs::path&) override {
    return fail(Errc::unsupported, url + " is read where it lies, and not fetched");
  }
  std::shared_ptr<FileSystem> objects() override { return std::make_shared<RelayedFiles>(connection_); }
  bool only_in_place() const override { return true; }

 private:
  const std::shared_ptr<Connection> connection_;
};

}  // namespace

std::shared_ptr<Downloader> relayed_downloader(int descriptor) {
  return std::make_shared<RelayedDownloader>(descriptor);
}

Result<std::unique_ptr<ObjectRelay>> ObjectRelay::begin(std::shared_ptr<Client> client, const S3Url& folder) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return std::unexpected(os_error("make", "a socket for " + folder.text(), errno));
  const int other = ::fcntl(ends[1], F_DUPFD_CLOEXEC, kFirstDescriptor);
  const int failed = errno;
  ::close(ends[1]);
  if (other < 0) {
    ::close(ends[0]);
    return std::unexpected(os_error("make", "a socket for " + folder.text(), failed));
  }
  return std::unique_ptr<ObjectRelay>(new ObjectRelay(std::move(client), folder.text(), ends[0], other));
}

ObjectRelay::ObjectRelay(std::shared_ptr<Client> client, std::string folder, int own, int other)
    : own_(own), other_(other) {
  const auto stop = stop_.get_token();
  auto objects = std::make_shared<ObjectFiles>(client, std::make_shared<RangeCache>(client, stop), stop);
  thread_ = start_thread("rtpx relay", [this, objects, folder = std::move(folder)] {
    answer_all(*objects, folder);
    ::shutdown(own_, SHUT_RDWR);
  });
}

void ObjectRelay::end() {
  stop_.request_stop();
  ::shutdown(own_, SHUT_RDWR);
}

ObjectRelay::~ObjectRelay() {
  end();
  thread_.join();
  ::close(own_);
  ::close(other_);
}

void ObjectRelay::answer_all(FileSystem& objects, const std::string& folder) const {
  OpenObjects open(objects);
  for (bool going_on = true; going_on;) {
    Question question;
    if (!get_head(own_, question) || question.url_bytes > kLongestUrl) return;
    std::string url(question.url_bytes, '\0');
    if (!get(own_, std::as_writable_bytes(std::span(url)))) return;
    const bool is_in = url.starts_with(folder) || url + "/" == folder;
    if (!is_in)
      going_on = refuse(own_, {Errc::denied, url + " is none of the recording's objects"});
    else if (question.ask == Ask::read)
      going_on = answer_read(own_, open, url, question);
    else if (question.ask == Ask::stat)
      going_on = answer_stat(own_, objects, url);
    else
      going_on = question.ask == Ask::list && answer_list(own_, objects, url);
  }
}

}  // namespace rtpx::s3
