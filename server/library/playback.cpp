#include "server/library/playback.hpp"

#include <algorithm>
#include <charconv>

#include "base/random_text.hpp"
#include "base/remote_file.hpp"
#include "rtpx/s3.hpp"
#include "server/library/folder_state.hpp"
#include "server/options.hpp"

namespace rtpx::server {
namespace {

// Plain digits, without a zero in front: so each segment has one address.
std::optional<std::size_t> number_in(std::string_view digits) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return value;
}

bool same(const std::weak_ptr<Presentation>& a, const std::shared_ptr<Presentation>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

}  // namespace

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  SegmentName out;
  const auto dot = name.find('.');
  if (dot == name.npos) return std::nullopt;
  const std::string_view extension = name.substr(dot);
  std::string_view stem = name.substr(0, dot);
  constexpr std::string_view kInit = "init-";
  out.init = stem.starts_with(kInit);
  if (out.init) stem.remove_prefix(kInit.size());
  if (extension == ".webm")
    out.format = Format::webm;
  else if (extension != (out.init ? ".mp4" : ".m4s"))
    return std::nullopt;
  const auto number = number_in(stem);
  if (!number) return std::nullopt;
  out.number = *number;
  return out;
}

std::optional<std::size_t> parse_program_name(std::string_view name, std::string_view stem,
                                              std::string_view extension) {
  if (!name.starts_with(stem) || !name.ends_with(extension) || name.size() < stem.size() + extension.size())
    return std::nullopt;
  std::string_view middle = name.substr(stem.size(), name.size() - stem.size() - extension.size());
  if (middle.empty()) return 0;
  if (!middle.starts_with('-')) return std::nullopt;
  const auto number = number_in(middle.substr(1));
  if (!number || *number < 2) return std::nullopt;
  return *number - 1;
}

std::optional<SegmentName> parse_part_name(std::string_view name) {
  const auto dot = name.find('.');
  if (dot == name.npos) return std::nullopt;
  auto out = parse_segment_name(name.substr(dot + 1));
  const auto number = number_in(name.substr(0, dot));
  if (!out || out->init || !number) return std::nullopt;
  out->part = out->number;
  out->number = *number;
  return out;
}

Result<std::shared_ptr<Playback::Opened>> Playback::entry_of(const Which& which) {
  const std::lock_guard lock(mutex_);
  forget_old_tickets();
  const auto known = opened_.find(key_of(which));
  if (known == opened_.end() && !which.ticket.empty())
    return fail(Errc::not_found, "The keys were forgotten: give them again.");
  auto& entry = known == opened_.end() ? opened_[key_of(which)] : known->second;
  if (!entry) entry = std::make_shared<Opened>();
  entry->used = ++requests_;
  entry->used_at = Clock::now();
  const auto found = entry;
  forget_oldest();
  return found;
}

Result<std::string> Playback::give_keys(const std::string& id, std::shared_ptr<const E2eeKeys> keys) {
  const Which which{id, random_text(24)};
  {
    const std::lock_guard lock(mutex_);
    forget_old_tickets();
    auto entry = std::make_shared<Opened>();
    entry->keys = std::move(keys);
    entry->used = ++requests_;
    entry->used_at = Clock::now();
    opened_[key_of(which)] = std::move(entry);
  }
  if (auto opened = open(which); !opened) {
    forget_keys(which);
    return std::unexpected(opened.error());
  }
  return which.ticket;
}

bool Playback::forget_keys(const Which& which) {
  const std::lock_guard lock(mutex_);
  if (which.ticket.empty() || opened_.erase(key_of(which)) == 0) return false;
  forget_segments(key_of(which));
  return true;
}

void Playback::forget_old_tickets() {
  const auto now = Clock::now();
  for (;;) {
    auto oldest = opened_.end();
    std::size_t tickets = 0;
    for (auto at = opened_.begin(); at != opened_.end(); ++at) {
      if (!at->second->keys) continue;
      ++tickets;
      if (oldest == opened_.end() || at->second->used_at < oldest->second->used_at) oldest = at;
    }
    if (tickets == 0 || (tickets <= kMostTickets && now - oldest->second->used_at <= kKeysKept)) return;
    forget_segments(oldest->first);
    opened_.erase(oldest);
  }
}

void Playback::forget_segments(const std::string& key) {
  for (auto at = segments_.begin(); at != segments_.end();) {
    if (!at->key.starts_with(key + '\n')) {
      ++at;
      continue;
    }
    segment_bytes_ -= at->bytes->size();
    by_key_.erase(at->key);
    at = segments_.erase(at);
  }
}

// What somebody still uses lives on until they are done.
void Playback::forget_oldest() {
  const auto bytes = [&] {
    std::size_t sum = 0;
    for (const auto& [id, entry] : opened_) {
      if (entry.use_count() != 1) continue;
      if (entry->presentation) sum += entry->presentation->bytes();
      if (entry->beginning) sum += entry->beginning->bytes();
    }
    return sum;
  };
  while (opened_.size() > kMostOpened || (opened_.size() > 1 && bytes() > kMostOpenedBytes)) {
    auto oldest = opened_.end();
    for (auto at = opened_.begin(); at != opened_.end(); ++at)
      if (at->second.use_count() == 1 && !at->second->keys && (oldest == opened_.end() || at->second->used < oldest->second->used))
        oldest = at;
    if (oldest == opened_.end()) return;
    opened_.erase(oldest);
  }
}

Result<std::shared_ptr<Presentation>> Playback::open(const Which& which) {
  return open_when(which, [](const Presentation::View&) { return true; }, {});
}

Result<std::shared_ptr<Presentation>> Playback::open_when(
    const Which& which, const std::function<bool(const Presentation::View&)>& is_there,
    std::chrono::milliseconds longest, const std::function<void()>& on_look) {
  const auto place = place_of(which.id);
  if (!place) return std::unexpected(place.error());
  const auto found = entry_of(which);
  if (!found) return std::unexpected(found.error());
  Opened& entry = **found;
  const auto until = Clock::now() + longest;
  std::unique_lock opening(entry.opening);
  for (;;) {
    std::shared_ptr<Presentation> presentation = entry.presentation;
    if (!presentation || Clock::now() >= entry.next_look) {
      auto looked = look(entry, *place);
      if (!looked) return looked;
      presentation = std::move(*looked);
      if (on_look && presentation->view()->growing) on_look();
      entry.looked.notify_all();
    }
    const auto view = presentation->view();
    if (!view->growing || stopped() || Clock::now() >= until || is_there(*view)) return presentation;
    entry.looked.wait_until(opening, std::min(entry.next_look, until));
  }
}

Result<std::string> Playback::place_of(const std::string& id) const {
  if (elsewhere_ && id.find('/') != id.npos) return elsewhere_(id);
  const auto folder = library_.folder(id);
  return folder ? Result<std::string>(folder->string()) : std::unexpected(folder.error());
}

Result<std::shared_ptr<Downloader>> Playback::downloader() {
  const std::lock_guard lock(mutex_);
  if (downloader_) return downloader_;
  auto made = make_s3_downloader(S3Config{}, 0, stop_.get_token());
  if (made) downloader_ = *made;
  return made;
}

// Under the entry's lock. What is elsewhere does not change: where it has, reading it fails.
Result<std::shared_ptr<Presentation>> Playback::look(Opened& entry, const std::string& place) {
  if (is_s3_url(place)) return entry.presentation ? entry.presentation : open_anew(entry, place);
  const std::filesystem::path folder = place;
  const auto looked = [&](std::shared_ptr<Presentation> made) {
    if (made->view()->growing) entry.next_look = Clock::now() + kLookEvery;
    return made;
  };
  const std::string state = folder_state(folder);
  if (entry.presentation && entry.state == state) return looked(entry.presentation);
  if (entry.presentation && entry.presentation->view()->growing) {
    if (auto refreshed = entry.presentation->refresh(); !refreshed) return std::unexpected(refreshed.error());
    if (!entry.presentation->view()->growing) entry.state = folder_state(folder);
    return looked(entry.presentation);
  }
  auto opened = open_anew(entry, place);
  if (!opened) return opened;
  entry.state = state;
  return looked(std::move(*opened));
}

Result<std::shared_ptr<Presentation>> Playback::open_anew(Opened& entry, const std::string& place) {
  Presentation::Options options{.temporary = library_.base_dir(),
                                .stop = stop_.get_token(),
                                .identities = identities_,
                                .e2ee_keys = entry.keys};
  if (is_s3_url(place)) {
    auto objects = downloader();
    if (!objects) return std::unexpected(objects.error());
    options.downloader = std::move(*objects);
  } else {
    auto output = output_folder(place);
    if (!output) return std::unexpected(output.error());
    options.temporary = std::move(*output);
  }
  const auto opened = entry.beginning ? entry.beginning : Presentation::of(place, options);
  const auto looked = opened->refresh();
  const bool begins = !looked && looked.error().code == Errc::nothing_to_convert && opened->growing();
  const std::lock_guard lock(mutex_);  // forget_oldest() of others looks at them
  entry.beginning = begins ? opened : nullptr;
  if (!looked) return std::unexpected(looked.error());
  return entry.presentation = opened;
}

void Playback::let_go(const Which& which, const std::shared_ptr<Presentation>& failed) {
  const std::lock_guard lock(mutex_);
  const auto known = opened_.find(key_of(which));
  if (known != opened_.end() && !known->second->keys && known->second->presentation == failed) opened_.erase(known);
}

Result<std::shared_ptr<const std::string>> Playback::segment(const Which& which,
                                                             const std::shared_ptr<Presentation>& from,
                                                             const std::string& rendition, const SegmentName& name) {
  const std::string key = key_of(which) + '\n' + rendition + (name.init ? "/init-" : "/") + std::to_string(name.number) +
                          (name.part ? "." + std::to_string(*name.part) : "") +
                          (name.format == Format::webm ? "w" : "m");
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = by_key_.find(key); known != by_key_.end() && same(known->second->of, from)) {
      segments_.splice(segments_.begin(), segments_, known->second);
      return known->second->bytes;
    }
  }
  MemorySink sink;
  if (name.init) {
    if (auto made = from->init(rendition, name.number, name.format, sink); !made) return std::unexpected(made.error());
  } else {
    auto stream = name.part ? from->part(rendition, name.number, *name.part, name.format)
                            : from->segment(rendition, name.number, name.format);
    if (stream && !name.part && (*stream)->bytes() > kMostKept) return nullptr;
    const auto made = stream ? (*stream)->all(sink) : std::unexpected(stream.error());
    if (!made && is_passing(made.error())) let_go(which, from);  // it may be another now
    if (!made) return std::unexpected(made.error());
  }
  const Bytes bytes = sink.bytes();
  auto made = std::make_shared<const std::string>(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  keep({key, made, from});
  return made;
}

void Playback::keep(Made made) {
  const std::lock_guard lock(mutex_);
  if (const auto known = by_key_.find(made.key); known != by_key_.end()) {
    segment_bytes_ -= known->second->bytes->size();
    segments_.erase(known->second);
    by_key_.erase(known);
  }
  segment_bytes_ += made.bytes->size();
  segments_.push_front(std::move(made));
  by_key_[segments_.front().key] = segments_.begin();
  while (segment_bytes_ > kMostSegmentBytes) {
    segment_bytes_ -= segments_.back().bytes->size();
    by_key_.erase(segments_.back().key);
    segments_.pop_back();
  }
}

void Playback::stop() {
  stop_.request_stop();
  const std::lock_guard lock(mutex_);
  opened_.clear();
  segments_.clear();
  by_key_.clear();
  segment_bytes_ = 0;
}

}  // namespace rtpx::server
