#include "capi/events.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/json.hpp"

namespace rtpx::capi {
namespace {

constexpr std::size_t kMostEvents = 1024;

Json manifest_json(const Manifest& manifest) {
  auto json = parse_json(serialize_manifest(manifest), "The manifest");
  return json ? *std::move(json) : Json::object();
}

Json error_json(const Error& error) { return {{"code", to_string(error.code)}, {"message", error.message}}; }

/// One overload for each kind: its number, its name, its members.
struct Describe {
  int kind = 0;
  std::uint64_t upload_ref = 0;

  Json operator()(const event::UploadComplete& e) {
    kind = RTPX_EVENT_UPLOAD_COMPLETE;
    upload_ref = e.ref.value;
    return {{"event", "upload_complete"}, {"upload_ref", e.ref.value}, {"manifest", manifest_json(e.manifest)}};
  }
  Json operator()(const event::UploadFailed& e) {
    kind = RTPX_EVENT_UPLOAD_FAILED;
    upload_ref = e.ref.value;
    return {{"event", "upload_failed"},
            {"upload_ref", e.ref.value},
            {"manifest", manifest_json(e.manifest)},
            {"error", error_json(e.error)}};
  }
  Json operator()(const event::PacketsRefused& e) {
    kind = RTPX_EVENT_PACKETS_REFUSED;
    return {{"event", "packets_refused"}, {"track_id", e.track_id}, {"packets", e.packets}, {"reason", e.reason}};
  }
  Json operator()(const event::DiskSpace& e) {
    kind = RTPX_EVENT_DISK_SPACE;
    const char* level = e.level == event::DiskSpace::Level::ok    ? "ok"
                        : e.level == event::DiskSpace::Level::low ? "low"
                                                                  : "full";
    return {{"event", "disk_space"}, {"level", level}, {"free_bytes", e.free_bytes}};
  }
  Json operator()(const event::TrackRestarted& e) {
    kind = RTPX_EVENT_TRACK_RESTARTED;
    return {{"event", "track_restarted"},
            {"track_id", e.track_id},
            {"new_file", e.new_file.string()},
            {"error", error_json(e.cause)}};
  }
  Json operator()(const event::Restarted& e) {
    kind = RTPX_EVENT_RESTARTED;
    return {{"event", "restarted"},
            {"old_folder", e.old_folder.string()},
            {"new_folder", e.new_folder.string()},
            {"error", error_json(e.cause)}};
  }
  Json operator()(const event::Failed& e) {
    kind = RTPX_EVENT_FAILED;
    return {{"event", "failed"}, {"error", error_json(e.error)}};
  }
  Json operator()(const event::TrackFlow& e) {
    kind = RTPX_EVENT_TRACK_FLOW;
    return {{"event", "track_flow"}, {"track_id", e.track_id}, {"flowing", e.flowing}};
  }
  Json operator()(const event::UnknownTarget& e) {
    kind = RTPX_EVENT_UNKNOWN_TARGET;
    return {{"event", "unknown_target"}, {"track_id", e.track_id}, {"rid", e.rid}, {"packets", e.packets}};
  }
  Json operator()(const event::WritesLate& e) {
    kind = RTPX_EVENT_WRITES_LATE;
    return {{"event", "writes_late"}, {"late", e.late}, {"oldest_us", e.oldest.count()}};
  }
};

}  // namespace

rtpx_event to_c(const Event& event) {
  Describe describe;
  const Json json = std::visit(describe, event);
  return {describe.kind, describe.upload_ref, dump_json(json)};
}

Result<std::shared_ptr<EventQueue>> EventQueue::make() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) {
    const int number = errno;
    return fail(number == EMFILE || number == ENFILE ? Errc::too_many_files : Errc::io,
                std::string("Cannot make a descriptor for events: ") + std::strerror(number));
  }
  return std::shared_ptr<EventQueue>(new EventQueue(descriptor));
}

EventQueue::~EventQueue() { ::close(descriptor_); }

void EventQueue::push(const Event& event) {
  auto made = std::make_unique<rtpx_event>(to_c(event));
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(made));
  if (events_.size() > kMostEvents) {
    events_.pop_front();
    ++dropped_;
  }
  (void)::eventfd_write(descriptor_, 1);
}

// The descriptor is readable exactly while events wait: it is emptied with the last one, under the lock.
std::unique_ptr<rtpx_event> EventQueue::pop() noexcept {
  const std::lock_guard lock(mutex_);
  if (events_.empty()) return nullptr;
  auto event = std::move(events_.front());
  events_.pop_front();
  eventfd_t count = 0;
  if (events_.empty()) (void)::eventfd_read(descriptor_, &count);
  return event;
}

std::uint64_t EventQueue::dropped() const noexcept {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace rtpx::capi

int rtpx_event_kind(const rtpx_event* event) { return event != nullptr ? event->kind : 0; }
const char* rtpx_event_json(const rtpx_event* event) { return event != nullptr ? event->json.c_str() : "{}"; }
uint64_t rtpx_event_upload_ref(const rtpx_event* event) { return event != nullptr ? event->upload_ref : 0; }
void rtpx_event_free(rtpx_event* event) { delete event; }
