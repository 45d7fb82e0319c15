#include "progress.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "text.hpp"

namespace rtpx::cli {

using namespace std::chrono_literals;

Progress::Progress(int descriptor)
    : descriptor_(descriptor), terminal_(descriptor < 0 && ::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_ && terminal_) std::fputs("\r\033[K", stderr);
}

void Progress::show_waiting(const std::string& cause) {
  if (descriptor_ >= 0) {
    const nlohmann::json line = {{"waiting", cause}};
    const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (::write(descriptor_, text.data(), text.size()) < 0) descriptor_ = -1;
  } else if (!cause.empty()) {
    std::fprintf(stderr, "%sStill trying: %s\n", terminal_ ? "\r\033[K" : "", printable(cause).c_str());
  }
}

void Progress::show_followed(std::int64_t written_ms, std::int64_t waiting_ms, int fps) {
  if (descriptor_ < 0) return;
  const nlohmann::json line = {{"written_ms", written_ms}, {"waiting_ms", waiting_ms}, {"fps", fps}};
  const std::string text = line.dump() + "\n";
  if (::write(descriptor_, text.data(), text.size()) < 0) descriptor_ = -1;
}

void Progress::show(double fraction, const std::string& what, std::optional<double> seconds_left) {
  const auto now = std::chrono::steady_clock::now();
  if ((!terminal_ && descriptor_ < 0) || (shown_ && now - last_ < 100ms)) return;
  last_ = now;
  shown_ = true;
  if (descriptor_ >= 0) {
    nlohmann::json line = {{"fraction", std::clamp(fraction, 0.0, 1.0)}, {"what", what}};
    if (seconds_left) line["seconds_left"] = *seconds_left;
    const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    if (::write(descriptor_, text.data(), text.size()) < 0) descriptor_ = -1;  // nobody listens any more
    return;
  }
  constexpr int kWidth = 30;
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  const std::string bar = std::string(filled, '#') + std::string(kWidth - filled, '.');
  const std::string left = seconds_left ? "  " + duration_text(*seconds_left) + " left" : std::string();
  std::fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s%s", bar.c_str(), 100 * std::clamp(fraction, 0.0, 1.0),
               what.c_str(), left.c_str());
  std::fflush(stderr);
}

void add_progress_fd(CLI::App& command, int& descriptor, const char* description) {
  command.add_option("--progress-fd", descriptor, description)->type_name("N")->check(CLI::Range(3, 1023));
}

}  // namespace rtpx::cli
