// Pipes and Unix sockets of framed input: one thread, one poll().
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>

#include "ingest/framed/framed_input.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kFramedReadBytes = 256U << 10;
constexpr std::size_t kMostConnections = 256;
constexpr std::size_t kMostUnwritten = 16U << 20;  // well below Recorder::Options::queue_bytes

Error framed_error(const char* doing) {
  const int number = errno;
  return {Errc::io, std::string("Cannot ") + doing + ": " + std::strerror(number)};
}

/// A descriptor that a stop request makes readable.
class StopDescriptor {
 public:
  explicit StopDescriptor(const std::stop_token& stop)
      : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(stop, Notify{descriptor_}) {}
  StopDescriptor(const StopDescriptor&) = delete;
  StopDescriptor& operator=(const StopDescriptor&) = delete;
  ~StopDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  struct Notify {
    int descriptor;
    void operator()() const { (void)::eventfd_write(descriptor, 1); }
  };
  int descriptor_;
  std::stop_callback<Notify> callback_;  // gone before the descriptor is closed
};

class FramedLoop {
 public:
  FramedLoop(int listener, Recorder& recorder, const FramedLimits& limits, const std::stop_token& stop)
      : listener_(listener), recorder_(recorder), limits_(limits), stop_(stop), wake_(stop), buffer_(kFramedReadBytes) {}
  ~FramedLoop() {
    for (const Source& source : sources_)
      if (source.owned) ::close(source.descriptor);
  }

  void add(int descriptor, bool owned) {
    sources_.push_back({descriptor, owned, FramedInput(recorder_, stats_, limits_)});
    any_ = true;
  }

  Result<FramedStats> run() {
    if (wake_.descriptor() < 0) return std::unexpected(framed_error("make a descriptor"));
    while (!stop_.stop_requested() && stats_.limit.empty() && (!sources_.empty() || (listener_ >= 0 && !any_)))
      if (auto stepped = step(); !stepped) return std::unexpected(std::move(stepped).error());
    for (Source& source : sources_)
      if (auto ended = source.input.end(stats_.limit.empty() ? "stopped" : stats_.limit); !ended) stats_.errors.push_back(std::move(ended).error());
    return std::move(stats_);
  }

 private:
  struct Source {
    int descriptor;
    bool owned;
    FramedInput input;
  };

  Result<void> step() {
    std::vector<pollfd> polled{{wake_.descriptor(), POLLIN, 0}};
    for (const Source& source : sources_) polled.push_back({source.descriptor, POLLIN, 0});
    const std::size_t listening = polled.size();
    if (listener_ >= 0 && sources_.size() < kMostConnections) polled.push_back({listener_, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), -1) < 0)
      return errno == EINTR ? Result<void>() : std::unexpected(framed_error("wait for input"));
    std::size_t at = 1;
    for (auto source = sources_.begin(); source != sources_.end(); ++at)
      source = polled[at].revents != 0 && !read_some(*source) ? finish(source) : std::next(source);
    if (polled.size() > listening && polled[listening].revents != 0)
      if (const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC); accepted >= 0) add(accepted, true);
    return {};
  }

  /// False: the input has ended.
  bool read_some(Source& source) {
    const ssize_t count = ::read(source.descriptor, buffer_.data(), buffer_.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (count < 0) stats_.errors.push_back(framed_error("read the input"));
    if (count <= 0) return false;
    unwritten_ += static_cast<std::size_t>(count);
    const auto now = ReceiveClock::now();
    const bool more = source.input.take(Bytes(buffer_).first(static_cast<std::size_t>(count)), now);
    if (unwritten_ > kMostUnwritten) {
      (void)recorder_.flush();  // what fails there, events and counters tell
      unwritten_ = 0;
    }
    return more;
  }

  std::list<Source>::iterator finish(std::list<Source>::iterator source) {
    if (auto ended = source->input.end("ended"); !ended) stats_.errors.push_back(std::move(ended).error());
    if (source->owned) ::close(source->descriptor);
    return sources_.erase(source);
  }

  const int listener_;
  Recorder& recorder_;
  const FramedLimits limits_;
  const std::stop_token stop_;
  StopDescriptor wake_;
  std::vector<std::byte> buffer_;
  FramedStats stats_;
  std::list<Source> sources_;
  bool any_ = false;           // there was an input
  std::size_t unwritten_ = 0;  // bytes read since the recorder's memory was last empty
};

/// True when `path` is a socket that refuses connections.
bool abandoned(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool refused = probe >= 0 &&
                       ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  if (probe >= 0) ::close(probe);
  return refused;
}

}  // namespace

Result<FramedStats> record_framed(int input, int listener, Recorder& recorder, const FramedLimits& limits,
                                  const std::stop_token& stop) {
  FramedLoop loop(listener, recorder, limits, stop);
  if (input >= 0) loop.add(input, false);
  return loop.run();
}

Result<int> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(Errc::invalid_argument, "The path of a Unix socket has 1 to 107 bytes, unlike " + path + ".");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (abandoned(path, address)) ::unlink(path.c_str());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener < 0) return std::unexpected(framed_error("make a socket"));
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int number = errno;
  ::umask(mask);
  if (bound && ::listen(listener, 64) == 0) return listener;
  ::close(listener);
  errno = bound ? errno : number;
  if (!bound && number == EADDRINUSE) return fail(Errc::already_exists, path + " is there already.");
  return std::unexpected(framed_error(("listen at " + path).c_str()));
}

}  // namespace rtpx
