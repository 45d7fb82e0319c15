#include "server/news/event_hub.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "server/api/views.hpp"
#include "server/app.hpp"

namespace rtpx::server {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kInterval = 1s;
constexpr std::uint64_t kRemembered = 60;     // ticks
constexpr std::ptrdiff_t kMostChanges = 500;  // told one by one; beyond, the client loads the list
constexpr std::size_t kMostTouched = 10'000;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

EventHub::EventHub(App& app) : app_(app), folder_(app.options().base_dir) {}

EventHub::~EventHub() {
  stop();
}

void EventHub::start(std::function<void()> publish, std::function<std::size_t()> streams) {
  publish_ = std::move(publish);
  streams_ = std::move(streams);
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void EventHub::stop() {
  thread_ = {};
}

void EventHub::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      waking_.wait_for(lock, stop, kInterval, [&] { return wanted_; });
      if (!std::exchange(wanted_, false) && streams_() == 0) continue;
    }
    if (stop.stop_requested()) return;
    tick();
    publish_();
  }
}

/// Folders that others put into the base folder, or take away, are news too.
void EventHub::see_folder() {
  if (folder_.news([this](const std::string& name) { changed(name); })) return;
  const std::lock_guard lock(mutex_);
  overflown_ = true;
}

void EventHub::changed(const std::string& id) {
  app_.index().touch(id);
  const std::lock_guard lock(mutex_);
  if (touched_.size() < kMostTouched)
    touched_.insert(id);
  else
    overflown_ = true;
}

bool EventHub::has_room() const {
  return streams_ && streams_() < app_.options().max_event_streams;
}

/// From memory alone; empty: nothing.
std::string EventHub::what_runs(const std::string& id) const {
  json out = {{"id", id}};
  if (app_.live().is_recording(id)) {
    out["state"] = "recording";
    if (const auto course = app_.live().course(id)) {
      out["paused"] = course->paused;
      out["present"] = course->present;
    }
  } else if (const auto running = app_.conversions().running(id)) {
    out["state"] = "converting";
    out["progress"] = running->fraction;
    if (running->seconds_left) out["seconds_left"] = *running->seconds_left;
  } else if (app_.conversions().waiting(id)) {
    out["state"] = "waiting";
  } else {
    return app_.uploads().running(id) ? "upload" : "";
  }
  return dump(out);
}

EventHub::State EventHub::state_of(const std::string& id) const {
  State out{what_runs(id), {}, false};
  if (out.runs.starts_with('{')) {
    out.text = out.runs;
    return out;
  }
  const auto entry = app_.library().entry(id);
  json text = {{"id", id}, {"state", entry ? to_string(app_.state_of(*entry)) : "removed"}};
  if (entry && !entry->upload.state.empty()) text["upload"] = entry->upload.state;
  out.text = dump(text);
  out.settled = out.runs.empty() && !(entry && entry->upload.state == "waiting");
  return out;
}

void EventHub::tick() {
  see_folder();
  std::set<std::string> look;
  std::map<std::string, std::string> unsettled;
  {
    const std::lock_guard lock(mutex_);
    look.swap(touched_);
    unsettled = unsettled_;
  }
  for (const auto& [id, runs] : unsettled)
    if (what_runs(id) != runs) look.insert(id);
  std::map<std::string, State> states;
  for (const std::string& id : look) states[id] = state_of(id);
  json sessions = json::array();
  for (const LiveSession& session : app_.live().sessions()) sessions.push_back(view_of(session));
  const std::string figures = "\"sessions\":" + dump(sessions) + ",\"disk\":" + dump(view_of_disk(app_));

  const std::lock_guard lock(mutex_);
  if (std::exchange(overflown_, false)) tick_ += kRemembered;
  ++tick_;
  for (auto& [id, state] : states) {
    if (state.settled)
      unsettled_.erase(id);
    else
      unsettled_[id] = state.runs;
    std::erase_if(changes_, [&, &name = id](const Change& change) { return change.id == name; });
    changes_.push_back({tick_, id, std::move(state.text)});
  }
  while (!changes_.empty() && changes_.front().at + kRemembered <= tick_) changes_.pop_front();
  newest_ = event(figures, tick_ - 1);
  recent_ = event(figures, 0);
  reset_ = event(figures, tick_);
  ticked_ = std::chrono::steady_clock::now();
}

/// With the changes after that tick; too many of them, or none at all (`after` is now), have the client load
/// the list.
EventHub::Text EventHub::event(const std::string& figures, std::uint64_t after) const {
  const auto first = std::ranges::find_if(changes_, [&](const Change& change) { return change.at > after; });
  const bool reset = after == tick_ || std::distance(first, changes_.end()) > kMostChanges;
  std::string out = "id: " + app_.run() + "-" + std::to_string(tick_) + "\ndata: {" + figures;
  if (reset) out += ",\"reset\":true";
  out += ",\"recordings\":[";
  const char* separator = "";
  for (auto change = first; change != changes_.end() && !reset; ++change)
    out += std::exchange(separator, ",") + change->text;
  return std::make_shared<const std::string>(out + "]}\n\n");
}

bool EventHub::stale() const {
  return !reset_ || std::chrono::steady_clock::now() - ticked_ > 2 * kInterval;
}

http::EventBody EventHub::subscribe(std::string_view last_id) {
  http::EventBody out{shared_from_this(), 0};
  const std::string prefix = app_.run() + "-";  // ids of another run of the server mean nothing here
  if (last_id.starts_with(prefix)) {
    const std::string_view number = last_id.substr(prefix.size());
    (void)std::from_chars(number.data(), number.data() + number.size(), out.cursor);
  }
  const std::lock_guard lock(mutex_);
  if (out.cursor >= tick_) out.cursor = tick_ > 0 ? tick_ - 1 : 0;
  if (stale()) {
    wanted_ = true;
    waking_.notify_one();
  }
  return out;
}

std::shared_ptr<const std::string> EventHub::next(std::uint64_t& cursor) {
  const std::lock_guard lock(mutex_);
  if (stale()) return nullptr;  // the next tick publishes
  const std::uint64_t had = std::exchange(cursor, tick_);
  if (had == tick_) return nullptr;
  if (had == 0 || had + kRemembered <= tick_) return reset_;
  return had + 1 == tick_ ? newest_ : recent_;
}

}  // namespace rtpx::server
