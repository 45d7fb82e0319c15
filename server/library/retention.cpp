#include "server/library/retention.hpp"

#include <algorithm>

#include "server/log.hpp"

namespace rtpx::server {
namespace {

constexpr std::chrono::hours kBetweenQuestions{1};  // to the service, about what it did not prove

}  // namespace

void Retention::apply(std::stop_token stop) {
  if (options_.keep_days == 0 && options_.keep_bytes == 0) return;
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::vector<LibraryRow> finished;
  std::uint64_t bytes = 0;
  for (LibraryRow& row : index_.oldest_first()) {
    if (row.state == RecordingState::recording || row.state == RecordingState::converting ||
        row.state == RecordingState::waiting)
      continue;
    bytes += row.bytes;
    finished.push_back(std::move(row));
  }
  for (std::size_t i = 0; i < finished.size() && !stop.stop_requested(); ++i) {
    const LibraryRow& row = finished[i];
    const bool newest = i + 1 == finished.size();
    const bool too_old = options_.keep_days > 0 && row.created < now - std::chrono::days(options_.keep_days);
    const bool too_much = options_.keep_bytes > 0 && bytes > options_.keep_bytes && !newest;
    if (!too_old && !too_much) continue;
    const auto entry = library_.entry(row.id);  // as it is now
    if (!entry || entry->recorded_at != row.created || state_of_(*entry) != row.state) {
      index_.touch(row.id);
      continue;
    }
    if (remove(*entry, too_old ? "--keep-days" : "--keep-bytes", stop)) bytes -= row.bytes;
  }
}

bool Retention::remove(const RecordingEntry& entry, const std::string& option, std::stop_token stop) {
  if (const std::string why = bound_by(entry); !why.empty()) {
    warn_once(entry.id, "not deleted by " + option + ": " + why);
    return false;
  }
  if (!is_proven(entry, stop)) return false;
  log(LogLevel::warn, "deleted by " + option, {.recording = entry.id});
  warned_.erase(entry.id);
  asked_again_.erase(entry.id);
  if (const auto removed = library_.remove(entry.id); !removed) {
    log(LogLevel::error, removed.error().message, {.recording = entry.id});
    return false;
  }
  return true;
}

std::string Retention::bound_by(const RecordingEntry& entry) const {
  if (uploads_.running(entry.id) || entry.upload.state == "running") return "it is being uploaded";
  if (entry.upload.state == "waiting") return "it waits for its upload";
  if (entry.upload.state == "failed") return "its upload failed: " + entry.upload.error;
  return {};
}

bool Retention::is_proven(const RecordingEntry& entry, std::stop_token stop) {
  if (options_.upload_url.empty()) return true;
  const auto now = Clock::now();
  if (const auto at = asked_again_.find(entry.id); at != asked_again_.end() && now < at->second) return false;
  const Uploads::Proof proof = uploads_.prove(entry.id, stop);
  if (proof == Uploads::Proof::stored) return true;
  if (stop.stop_requested()) return false;
  asked_again_[entry.id] = now + kBetweenQuestions;
  if (proof == Uploads::Proof::not_stored) {
    log(LogLevel::warn,
        "not deleted: not all of it is stored at " + options_.upload_url + "; it is uploaded again",
        {.recording = entry.id});
    uploads_.add(entry.id);
  } else {
    warn_once(entry.id,
              "not deleted: " + options_.upload_url + " cannot be asked whether it is stored there");
  }
  return false;
}

void Retention::warn_once(const std::string& id, const std::string& message) {
  std::string& said = warned_[id];
  if (said == message) return;
  said = message;
  log(LogLevel::warn, message, {.recording = id});
}

}  // namespace rtpx::server
