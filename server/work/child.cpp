#include "server/work/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>

#include "s3/object_relay.hpp"
#include "server/work/sandbox.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kStderrTail = 4096;
constexpr int kProgressDescriptor = 3, kSecretDescriptor = 4, kObjectsDescriptor = 5;
constexpr int kNiceness = 10;
constexpr std::chrono::seconds kPatience{3};

struct Pipe {
  int read = -1, write = -1;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  void close_write() {
    if (write >= 0) ::close(write);
    write = -1;
  }
  ~Pipe() {
    if (read >= 0) ::close(read);
    close_write();
  }
};

/// Of this process's environment, what a child may see: how to find programs and files, in which language and
/// time zone. For one that talks to an object store also what the AWS tools and proxies go by; for one that uses packet
/// indexes where their key is.
std::vector<std::string> clean_environment(const ChildOptions& options) {
  constexpr std::string_view kAlways[] = {
      "PATH=",         "LANG=",          "LC_",           "TZ=",          "LD_LIBRARY_PATH=",
      "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS="};
  constexpr std::string_view kNetwork[] = {
      "HOME=",      "AWS_",        "SSL_CERT_",    "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=",
      "ALL_PROXY=", "http_proxy=", "https_proxy=", "no_proxy=",   "all_proxy=",   "XDG_STATE_HOME="};
  constexpr std::string_view kIndexKey[] = {"HOME=", "XDG_STATE_HOME=", "RTPX_INDEX_KEY="};
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable = *at;
    const auto begins = [&](std::string_view name) { return variable.starts_with(name); };
    const bool reads_objects = options.network || options.objects >= 0;
    if (std::ranges::any_of(kAlways, begins) || (reads_objects && begins("RTPX_INDEX_KEY=")) ||
        (options.network && std::ranges::any_of(kNetwork, begins)) ||
        (options.index_key && std::ranges::any_of(kIndexKey, begins)) ||
        (options.folder.empty() && variable.starts_with("TMPDIR=")))
      out.emplace_back(variable);
  }
  if (!options.folder.empty()) out.push_back("TMPDIR=" + options.folder.string());
  if (options.objects >= 0) out.push_back(s3::kRelayVariable + ("=" + std::to_string(kObjectsDescriptor)));
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Memory that looks like a file, zeroed in the end. Its reader begins where it ends: rewind() first.
class SecretFile {
 public:
  /// False: there is no memory for it.
  bool make(std::string_view secret) {
    const int made = ::memfd_create("secret", MFD_CLOEXEC);
    if (made < 0) return false;
    descriptor_ = ::fcntl(made, F_DUPFD_CLOEXEC, kObjectsDescriptor + 1);  // clear of those that a child gets
    ::close(made);
    size_ = secret.size();
    return descriptor_ >= 0 && ::write(descriptor_, secret.data(), size_) == static_cast<ssize_t>(size_);
  }
  ~SecretFile() {
    if (descriptor_ < 0) return;
    const std::string zeros(size_, '\0');
    (void)!::pwrite(descriptor_, zeros.data(), size_, 0);
    ::close(descriptor_);
  }
  SecretFile() = default;
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  void rewind() const { (void)::lseek(descriptor_, 0, SEEK_SET); }

 private:
  int descriptor_ = -1;
  std::size_t size_ = 0;
};

/// All that a child needs between fork and exec, where nothing can be allocated.
struct Start {
  char* const* arguments;
  char* const* environment;
  int in, out, err, progress, secret;  // in, secret -1: none
  const ChildOptions& options;
  const std::vector<sock_filter>* filter;  // nullptr: none
  pid_t parent;
};

void limit(int resource, std::uint64_t most) {
  if (most == 0) return;
  const rlimit both{most, most};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

/// -1: nothing.
void give(int descriptor, int as) {
  if (descriptor >= 0)
    ::dup2(descriptor, as);
  else
    ::close(as);
}

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(const Start& start) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != start.parent) ::_exit(127);
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
  limit(RLIMIT_AS, start.options.memory_bytes);
  limit(RLIMIT_FSIZE, start.options.file_bytes);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of writing, which it can explain
  if (!start.options.folder.empty() && ::chdir(start.options.folder.c_str()) != 0) ::_exit(127);
  ::dup2(start.in >= 0 ? start.in : ::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
  ::dup2(start.out, 1);
  ::dup2(start.err, 2);
  if (start.progress == kProgressDescriptor)
    ::fcntl(start.progress, F_SETFD, 0);
  else
    ::dup2(start.progress, kProgressDescriptor);
  give(start.secret, kSecretDescriptor);
  give(start.options.objects, kObjectsDescriptor);
  ::close_range(kObjectsDescriptor + 1, ~0U, 0);
  if (start.filter != nullptr) (void)enter(*start.filter);
  ::execve(start.arguments[0], start.arguments, start.environment);
  ::_exit(127);
}

/// Reads what is there; false at the end of the pipe.
bool drain(int descriptor, std::string& into) {
  std::array<char, 4096> piece;
  const ssize_t got = ::read(descriptor, piece.data(), piece.size());
  if (got > 0) into.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

void hand_out_lines(std::string& text, const std::function<void(const std::string&)>& on_line) {
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1))
    if (on_line) on_line(text.substr(0, end));
}

/// The last error that an rtpx command said ("rtpx convert: …"; hints may follow it), else its last line.
std::string last_sentence(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (const auto error = text.rfind("\nrtpx "); error != text.npos)
    text.erase(0, error + 1);
  else if (!text.starts_with("rtpx "))
    text.erase(0, text.rfind('\n') + 1);
  if (const auto end = text.find('\n'); end != text.npos) text.resize(end);
  const auto colon = text.find(": ");
  if (text.starts_with("rtpx ") && colon != text.npos) text.erase(0, colon + 2);
  return text;
}

}  // namespace

std::string explain(const ChildExit& exit, const std::string& what) {
  if (exit.too_long) return "The " + what + " took too long and was ended; the recording is untouched.";
  if (exit.signal != 0)
    return "The " + what + " crashed (signal " + std::to_string(exit.signal) +
           "); the recording is untouched.";
  const std::string said = last_sentence(exit.stderr_tail);
  return said.empty() ? "The " + what + " failed with exit status " + std::to_string(exit.code) + "." : said;
}

Result<ChildExit> run_child(const ChildOptions& options, std::stop_token stop) {
  const auto failed = [&](const char* what) {
    return fail(Errc::io,
                "Cannot start " + options.command.front() + " (" + what + "): " + std::strerror(errno) + ".");
  };
  Pipe errors, progress;
  if (!errors.open() || !progress.open()) return failed("pipe");
  SecretFile secret, input;
  if (!options.input.empty() && !input.make(options.input)) return failed("memory");
  if (!options.input.empty()) input.rewind();
  if (!options.secret.empty() && !secret.make(options.secret)) return failed("memory");
  const int out = ::open(options.stdout_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (out < 0) return failed("its output file");
  std::vector<std::string> command = options.command, environment = clean_environment(options);
  const std::vector<char*> arguments = pointers(command), variables = pointers(environment);
  const Start start{arguments.data(),
                    variables.data(),
                    input.descriptor(),
                    out,
                    errors.write,
                    progress.write,
                    secret.descriptor(),
                    options,
                    options.network || !options.sandboxed ? nullptr : &no_network_filter(),
                    ::getpid()};
  const pid_t child = ::fork();
  if (child == 0) become(start);
  ::close(out);
  if (child < 0) return failed("fork");
  ::setpgid(child, child);  // as the child does: whoever is first, the group is there before it is killed
  errors.close_write();
  progress.close_write();

  ChildExit result;
  std::string lines;
  std::array<pollfd, 2> waiting{{{errors.read, POLLIN, 0}, {progress.read, POLLIN, 0}}};
  std::chrono::steady_clock::time_point kill_at{};
  int status = 0;
  const auto began = std::chrono::steady_clock::now();
  for (bool exited = false; !exited || waiting[0].fd >= 0 || waiting[1].fd >= 0;) {
    const auto now = std::chrono::steady_clock::now();
    const bool ending = result.cancelled || result.too_long;
    const bool late = options.deadline.count() > 0 && now - began >= options.deadline;
    if (!ending && (late || stop.stop_requested())) {
      result.cancelled = stop.stop_requested();
      result.too_long = !result.cancelled;
      kill_at = now + kPatience;
      ::kill(-child, SIGTERM);
    }
    if (ending && now >= kill_at) ::kill(-child, SIGKILL);
    ::poll(waiting.data(), waiting.size(), 50);
    if (waiting[0].revents != 0 && !drain(errors.read, result.stderr_tail)) waiting[0].fd = -1;
    if (waiting[1].revents != 0 && !drain(progress.read, lines)) waiting[1].fd = -1;
    if (result.stderr_tail.size() > 2 * kStderrTail)
      result.stderr_tail.erase(0, result.stderr_tail.size() - kStderrTail);
    hand_out_lines(lines, options.on_progress);
    if (lines.size() > kStderrTail) lines.clear();
    if (!exited)
      exited = ::waitpid(child, &status, WNOHANG) == child;
    else
      break;  // one more round after the exit for what was left in the pipes
  }
  if (result.stderr_tail.size() > kStderrTail)
    result.stderr_tail.erase(0, result.stderr_tail.size() - kStderrTail);
  if (WIFEXITED(status))
    result.code = WEXITSTATUS(status);
  else
    result.signal = WTERMSIG(status);
  return result;
}

}  // namespace rtpx::server
