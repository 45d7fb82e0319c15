#include "compose_slices.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "program.hpp"
#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"

namespace rtpx::cli {
namespace {

constexpr int kTries = 3;            // of a slice
constexpr double kSlicesShare = 0.95;  // of the whole, in time

/// The words of a command line that means the same to `rtpx compose`, but for what a slice has no use for.
std::vector<std::string> words_of(const CLI::App& command) {
  static constexpr std::array kLeftOut = {"slices", "output", "threads", "json",           "progress-fd", "stems",
                                          "vtt",    "speech", "timeline", "timeline-media", "stem-format", "thumbnail", "sprites",
                                          "identity", "identity-fd", "passphrase-fd"};
  std::vector<std::string> words{"compose"}, recordings;
  for (const CLI::Option* option : command.get_options()) {
    if (option->count() == 0) continue;
    if (option->get_positional()) {
      recordings = option->results();
      continue;
    }
    const std::string name = option->get_lnames().empty() ? std::string() : option->get_lnames().front();
    if (name.empty() || std::ranges::find(kLeftOut, name) != kLeftOut.end()) continue;
    if (option->get_items_expected_max() == 0)
      words.push_back("--" + name);
    else
      for (const std::string& value : option->results()) words.push_back("--" + name + "=" + value);
  }
  words.emplace_back("--");
  words.insert(words.end(), recordings.begin(), recordings.end());
  return words;
}

/// Nobody finds there again what was read once, or it is this process's alone.
bool is_read_once(const std::string& file) {
  std::error_code ignored;
  return file == "-" || file.starts_with("/dev/fd/") || file.starts_with("/dev/std") ||
         file.starts_with("/proc/self/") || std::filesystem::is_fifo(file, ignored);
}

/// Hands out the slices, and waits for all. They lie in a folder of their own, which goes with the object.
class Slices {
 public:
  Slices(const CLI::App& command, const std::vector<std::string>& recordings, const ComposeOptions& options, int of)
      : options_(options),
        of_(of),
        words_(words_of(command)),
        identity_(options.identities),
        folder_(std::filesystem::absolute(options.output).parent_path() /
                ("." + options.output.filename().string() + "." + std::to_string(::getpid()) + ".slices")) {
    network_ = std::ranges::any_of(recordings, [](const std::string& one) { return one.starts_with("s3://"); });
    // Stems are mixed where the slices are joined, and the film's sound with them.
    for (int number = options.stems ? 1 : 0; number <= of; ++number) left_.push_back(number);
    fractions_.resize(static_cast<std::size_t>(of) + 1);
    for (const int number : left_) slices_ += number > 0 ? 1 : 0;
  }
  ~Slices() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Slices(const Slices&) = delete;
  Slices& operator=(const Slices&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  Result<void> make() {
    std::error_code failed;
    program_ = std::filesystem::read_symlink("/proc/self/exe", failed).string();
    if (failed) return fail(Errc::io, "cannot tell which program this is: " + failed.message());
    const auto cores = std::max(1U, std::thread::hardware_concurrency());
    const auto at_once = std::min<std::size_t>(cores, left_.size());
    threads_ = options_.threads > 0 ? options_.threads : std::max(1, static_cast<int>(cores / at_once));
    const std::stop_callback forward(options_.stop, [this] { stop_.request_stop(); });
    {
      std::vector<std::jthread> makers;
      for (std::size_t i = 0; i < at_once; ++i) makers.emplace_back([this] { make_some(); });
      tell_progress();
    }
    if (options_.stop.stop_requested()) return fail(Errc::cancelled, "the film was cancelled");
    if (failed_) return std::unexpected(*failed_);
    return {};
  }

 private:
  void make_some() {
    for (;;) {
      int number = 0;
      {
        const std::lock_guard lock(mutex_);
        if (left_.empty() || stop_.stop_requested()) break;
        number = left_.front();
        left_.erase(left_.begin());
        ++running_;
      }
      auto made = make_slice(number);
      const std::lock_guard lock(mutex_);
      --running_;
      if (!made) {
        if (!failed_) failed_ = made.error();
        stop_.request_stop();
      }
      changed_.notify_all();
    }
    changed_.notify_all();
  }

  Result<void> make_slice(int number) try {
    std::vector<std::string> command{program_};
    command.insert(command.end(), words_.begin(), words_.end());
    const std::string slice = std::to_string(number) + "/" + std::to_string(of_);
    std::vector<std::string> added{"--slice=" + slice, "--threads=" + std::to_string(threads_), "--progress-fd=3",
                                   "--output=" + (folder_ / options_.output.filename()).string()};
    identity_.add_to(added);
    command.insert(command.begin() + 2, added.begin(), added.end());
    for (int attempt = 1;; ++attempt) {
      const auto exit = server::run_child({.command = command,
                                           .stdout_file = "/dev/null",
                                           .on_progress = [&](const std::string& line) { hear(number, line); },
                                           .secret = identity_.secret(),
                                           .network = network_},
                                          stop_.get_token());
      if (!exit) return std::unexpected(exit.error());
      if (exit->cancelled) return fail(Errc::cancelled, "the film was cancelled");
      if (exit->code == kDone || exit->code == kLosses) return {};
      const bool hopeless = exit->code == kUsage || exit->code == kUnusable;
      if (hopeless || attempt == kTries)
        return fail(exit->code == kUnusable ? Errc::nothing_to_convert : Errc::io,
                    "slice " + slice + ": " + server::explain(*exit, "slice"));
    }
  } catch (const std::exception& failure) {
    return fail(Errc::internal, failure.what());
  }

  void hear(int number, const std::string& line) {
    const auto value = nlohmann::json::parse(line, nullptr, false);
    if (!value.is_object() || !value.contains("fraction") || !value["fraction"].is_number()) return;
    const std::lock_guard lock(mutex_);
    fractions_[static_cast<std::size_t>(number)] = value["fraction"];
    changed_.notify_all();
  }

  /// On the calling thread, until all is made.
  void tell_progress() {
    std::unique_lock lock(mutex_);
    while (running_ > 0 || (!left_.empty() && !stop_.stop_requested())) {
      changed_.wait_for(lock, std::chrono::milliseconds(200));
      double done = 0;
      for (std::size_t number = 1; number < fractions_.size(); ++number) done += fractions_[number];
      lock.unlock();
      if (options_.progress) options_.progress({kSlicesShare * done / slices_, std::nullopt, "write"});
      lock.lock();
    }
  }

  const ComposeOptions& options_;
  const int of_;
  const std::vector<std::string> words_;
  const server::ChildIdentity identity_;
  const std::filesystem::path folder_;
  std::string program_;
  bool network_ = false;
  int threads_ = 1, slices_ = 0;
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> left_;
  int running_ = 0;
  std::vector<double> fractions_;
  std::optional<Error> failed_;
};

}  // namespace

Result<ComposeResult> compose_in_slices(const CLI::App& command, const std::vector<std::string>& recordings,
                                        const ComposeOptions& options, int slices) {
  for (const char* name : {"--e2ee-keys", "--layout", "--background-image", "--logo"})
    for (const std::string& file : command.get_option(name)->results())
      if (is_read_once(file))
        return fail(Errc::invalid_argument, std::string(name) + " " + file +
                                                ": the processes that make the slices cannot read it too: give a file");
  Slices made(command, recordings, options, slices);
  if (auto all = made.make(); !all) return std::unexpected(all.error());
  ComposeOptions join = options;
  join.progress = [&](const ConvertProgress& now) {
    if (options.progress) options.progress({kSlicesShare + (1 - kSlicesShare) * now.fraction, std::nullopt, now.what});
  };
  return join_slices(recordings, join, slices, made.folder());
}

}  // namespace rtpx::cli
