#include "s3/object_upload.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace rtpx::s3 {
namespace {

constexpr int kLostUploads = 3;  // how often a server may forget a multipart upload

}  // namespace

ObjectUpload::ObjectUpload(Client& client, std::filesystem::path folder, std::string file, S3Url object)
    : client_(client),
      folder_(std::move(folder)),
      path_(folder_ / file),
      state_(load_object_state(folder_, {client.config().endpoint, std::move(object)}, file)) {}

void ObjectUpload::start_anew(std::uint64_t bytes) {
  state_.bytes = bytes;
  state_.part_bytes = 0;
  state_.parts.clear();
  state_.done = state_.verified = false;
}

/// Since an earlier run stored its parts, the file may have become another, of the same size even.
Result<void> ObjectUpload::forget_changed_parts() {
  if (std::exchange(compared_, true) || state_.parts.empty()) return {};
  const std::uint64_t step = state_.part_bytes != 0 ? state_.part_bytes : state_.bytes;
  const auto bytes = regular_size(path_);
  if (!bytes) return {};  // removed after it was stored: nothing to compare
  std::vector<int> changed;
  for (const auto& [number, part] : state_.parts) {
    const std::uint64_t from = static_cast<std::uint64_t>(number - 1) * step;
    const std::uint64_t length =
        state_.bytes == 0 ? step : std::min(step, state_.bytes - std::min(state_.bytes, from));
    if (from + length > *bytes) {
      changed.push_back(number);
      continue;
    }
    Digests digests(static_cast<unsigned>(Digests::Want::md5));
    if (auto read = digest_range({path_, from, length}, digests); !read) return read;
    if (digests.md5() != part.md5) changed.push_back(number);
  }
  if (!changed.empty() && state_.done) start_anew(*bytes);
  for (const int number : changed) state_.parts.erase(number);
  return {};
}

Result<void> ObjectUpload::grow(std::uint64_t bytes, CallContext context) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t part_bytes = state_.part_bytes != 0 ? state_.part_bytes : client_.config().part_bytes;
  if (state_.done || bytes / part_bytes <= state_.parts.size() || bytes / part_bytes > kMostParts) return {};
  if (auto compared = forget_changed_parts(); !compared) return compared;
  if (auto opened = open_upload("", context); !opened) return opened;
  return put_parts(bytes / state_.part_bytes * state_.part_bytes, context, {});
}

Result<ObjectState> ObjectUpload::finish(CallContext context, const OnBytes& on_bytes) {
  const std::lock_guard lock(mutex_);
  const auto bytes = regular_size(path_);
  if (!bytes && bytes.error().code != Errc::not_found) return std::unexpected(bytes.error());
  if (bytes)
    if (auto compared = forget_changed_parts(); !compared) return std::unexpected(compared.error());
  if (state_.done && (!bytes || state_.bytes == *bytes)) {
    const auto there = is_still_there(context);
    if (!there) return std::unexpected(there.error());
    if (*there) {
      if (on_bytes) on_bytes(state_.bytes);
      return state_;
    }
  }
  if (!bytes) {
    if (auto given_up = give_up_upload(context); !given_up) return std::unexpected(given_up.error());
    return fail(Errc::not_found,
                path_.string() + " is not here, nor is it stored as " + state_.target.object.text() + ".");
  }
  if (state_.done) start_anew(*bytes);
  if (auto stored = store(*bytes, context, on_bytes); !stored) return std::unexpected(stored.error());
  return state_;
}

Result<void> ObjectUpload::give_up(CallContext context) {
  const std::lock_guard lock(mutex_);
  if (auto given_up = give_up_upload(context); !given_up) return given_up;
  return state_.done ? Result<void>() : remove_object_state(folder_, state_);
}

Result<void> ObjectUpload::store(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes) {
  if (auto free = look_before(bytes, context); !free) {
    if (free.error().code == Errc::already_exists) (void)give_up_upload(context);
    return free;
  }
  if (state_.done) {
    if (on_bytes) on_bytes(bytes);
    return {};
  }
  if (state_.bytes != 0 && state_.bytes != bytes && state_.part_bytes != 0)
    state_.parts.erase(static_cast<int>(state_.bytes / state_.part_bytes) + 1);  // was the last and shorter
  state_.bytes = bytes;
  const bool too_large = state_.part_bytes != 0 && bytes > kMostParts * state_.part_bytes;
  const bool other_checksum = !state_.upload_id.empty() && state_.with_crc32c != with_crc32c();
  if (too_large || other_checksum)
    if (auto given_up = give_up_upload(context); !given_up) return given_up;

  const bool at_once =
      state_.upload_id.empty() && !state_.upload_wanted && bytes <= client_.config().part_bytes;
  if (auto stored = at_once ? put_at_once(bytes, context, on_bytes) : put_multipart(bytes, context, on_bytes);
      !stored)
    return stored;
  return verify(context);
}

/// Whether the server still has what an earlier run stored.
Result<bool> ObjectUpload::is_still_there(CallContext context) {
  const auto info = client_.head(state_.target.object, context);
  if (!info && info.error().code == Errc::not_found) return false;
  if (!info) return std::unexpected(info.error());
  if (info->bytes != state_.bytes) return false;
  const std::string& wanted = state_.verified ? expected_etag() : state_.etag;
  return info->etag == wanted;
}

/// What is at the object's place: nothing, what we left there, the same content (then it is done), or
/// another's.
Result<void> ObjectUpload::look_before(std::uint64_t bytes, CallContext context) {
  replace_ = Replace::nothing;
  const auto info = client_.head(state_.target.object, context);
  if (!info) {
    const Errc code = info.error().code;
    if (code == Errc::network || code == Errc::cancelled) return std::unexpected(info.error());
    return {};  // nothing there, or no permission to look: the upload itself will tell
  }
  if (!state_.etag.empty() && info->etag == state_.etag) {
    replace_ = Replace::anything;
    return {};
  }
  const auto like = compare_with_etag(path_, *info);
  if (!like) return std::unexpected(like.error());
  if (*like != Likeness::same)
    return fail(Errc::already_exists,
                state_.target.object.text() + " is there already, " +
                    (*like == Likeness::different ? "with other content" : "and tells no checksum") + " (" +
                    std::to_string(info->bytes) + " bytes, here " + std::to_string(bytes) +
                    "). It is not overwritten: choose another prefix, or another name for the folder.");
  if (auto given_up = give_up_upload(context); !given_up) return given_up;
  start_anew(bytes);
  state_.done = state_.verified = true;
  state_.etag = info->etag;
  const auto told = info->metadata.find(kPartBytesMetadata);
  const bool multipart = info->etag.find('-') != std::string::npos && told != info->metadata.end();
  state_.part_bytes = multipart ? std::strtoull(told->second.c_str(), nullptr, 10) : 0;
  const auto sums = md5s_of(path_, bytes, state_.part_bytes);
  if (!sums) return std::unexpected(sums.error());
  for (const Md5& sum : *sums) state_.parts[static_cast<int>(state_.parts.size()) + 1] = {"", sum, ""};
  return save();
}

Result<void> ObjectUpload::put_at_once(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes) {
  if (auto saved = save(); !saved) return saved;
  auto sums = client_.put(state_.target.object, FileRange{path_, 0, bytes}, context, replace_);
  // An answer that was lost may have been that of our own upload: verify() tells.
  if (!sums && sums.error().code == Errc::already_exists) return look_before(bytes, context);
  if (!sums) return std::unexpected(sums.error());
  state_.parts = {{1, {sums->etag, sums->md5, sums->crc32c}}};
  state_.part_bytes = 0;
  if (on_bytes) on_bytes(bytes);
  return {};
}

/// The intent is on disk before the server is asked, so that an upload whose id was lost in a crash is found
/// again.
Result<void> ObjectUpload::open_upload(const std::string& md5, CallContext context) {
  if (!state_.upload_id.empty()) return {};
  if (state_.upload_wanted)
    if (auto aborted = abort_strangers(context); !aborted) return aborted;
  state_.upload_wanted = true;
  state_.parts.clear();
  state_.part_bytes = std::max<std::uint64_t>(client_.config().part_bytes, state_.bytes / kMostParts + 1);
  state_.with_crc32c = with_crc32c();
  if (auto saved = save(); !saved) return saved;
  std::map<std::string, std::string> metadata = {{kPartBytesMetadata, std::to_string(state_.part_bytes)}};
  if (!md5.empty()) metadata[kMd5Metadata] = md5;
  auto created = client_.create_upload(state_.target.object, metadata, context);
  if (!created) return std::unexpected(created.error());
  state_.upload_id = created->upload_id;
  state_.upload_wanted = created->tried_again;
  return save();
}

Result<void> ObjectUpload::give_up_upload(CallContext context) {
  if (state_.upload_id.empty() && !state_.upload_wanted) return {};
  if (!state_.upload_id.empty())
    if (auto aborted = client_.abort_upload(state_.target.object, state_.upload_id, context); !aborted)
      return aborted;
  state_.upload_id.clear();
  if (state_.upload_wanted)
    if (auto aborted = abort_strangers(context); !aborted) return aborted;
  state_.upload_wanted = false;
  state_.parts.clear();
  return save();
}

Result<void> ObjectUpload::abort_strangers(CallContext context) {
  const auto open = client_.open_uploads(state_.target.object, context);
  if (!open && open.error().code == Errc::denied) return {};  // then the bucket's own rules must end them
  if (!open) return std::unexpected(open.error());
  for (const OpenUpload& upload : *open) {
    if (upload.key != state_.target.object.key || upload.upload_id == state_.upload_id) continue;
    if (auto aborted = client_.abort_upload(state_.target.object, upload.upload_id, context); !aborted)
      return aborted;
  }
  return {};
}

Result<void> ObjectUpload::put_parts(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes) {
  const int count = static_cast<int>((bytes + state_.part_bytes - 1) / state_.part_bytes);
  std::vector<int> missing;
  for (int number = 1; number <= count; ++number)
    if (!state_.parts.contains(number)) missing.push_back(number);

  std::mutex state_mutex;
  std::atomic<std::size_t> next = 0;
  std::optional<Error> error;
  const auto work = [&] {
    for (std::size_t i = next++; i < missing.size(); i = next++) {
      const int number = missing[i];
      const std::uint64_t from = static_cast<std::uint64_t>(number - 1) * state_.part_bytes;
      const FileRange range{path_, from, std::min(state_.part_bytes, bytes - from)};
      auto sums = client_.put_part(state_.target.object, state_.upload_id, number, range, context);
      const std::lock_guard lock(state_mutex);
      if (sums) {
        state_.parts[number] = {sums->etag, sums->md5, sums->crc32c};
        if (auto saved = save(); !saved) error = saved.error();
        if (on_bytes) on_bytes(range.length);
      } else if (!error) {
        error = sums.error();
      }
      if (error) next = missing.size();
    }
  };
  {
    std::vector<std::jthread> workers;
    const auto wanted =
        std::min<std::size_t>(missing.size(), static_cast<std::size_t>(client_.config().parallel));
    for (std::size_t i = 1; i < wanted; ++i) workers.emplace_back(work);
    work();
  }
  if (error) return std::unexpected(*error);
  return {};
}

Result<void> ObjectUpload::put_multipart(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes) {
  std::string md5;
  for (int lost = 0;; ++lost) {
    if (state_.upload_id.empty() && md5.empty()) {
      const auto sums = md5s_of(path_, bytes, 0);
      if (!sums) return std::unexpected(sums.error());
      md5 = base64(sums->front());
    }
    if (auto opened = open_upload(md5, context); !opened) return opened;
    if (on_bytes && lost == 0)
      on_bytes(std::min<std::uint64_t>(bytes, state_.parts.size() * state_.part_bytes));
    auto stored = put_parts(bytes, context, on_bytes);
    if (stored) stored = complete(context);
    if (stored) return {};
    // The server no longer knows the upload id, or there is an object: aborted by a lifecycle rule, or
    // completed by a call whose answer was lost, or another's. Its content tells which.
    const Errc code = stored.error().code;
    if (code != Errc::not_found && code != Errc::already_exists) return stored;
    if (auto free = look_before(bytes, context); !free) {
      if (free.error().code == Errc::already_exists) (void)give_up_upload(context);
      return free;
    }
    if (state_.done) return {};
    if (code != Errc::not_found || lost == kLostUploads) return stored;
    state_.upload_id.clear();
    state_.parts.clear();
  }
}

Result<void> ObjectUpload::complete(CallContext context) {
  std::vector<PartChecksums> parts;
  for (const auto& [number, part] : state_.parts) parts.push_back({part.etag, part.md5, part.crc32c});
  return client_.complete_upload(state_.target.object, state_.upload_id, parts, context, replace_);
}

std::string ObjectUpload::expected_etag() const {
  std::vector<Md5> sums;
  for (const auto& [number, part] : state_.parts) sums.push_back(part.md5);
  if (sums.empty()) return {};
  return state_.part_bytes == 0 ? simple_etag(sums.front()) : multipart_etag(sums);
}

bool ObjectUpload::with_crc32c() const {
  return client_.config().payload_checksum == S3Config::Checksum::crc32c;
}

Result<void> ObjectUpload::verify(CallContext context) {
  if (state_.done) return {};
  const auto info = client_.head(state_.target.object, context);
  if (!info) return std::unexpected(info.error());
  const std::string expected = expected_etag();
  const bool same = info->etag == expected;
  const bool comparable = etag_is_md5(info->etag) && !info->encrypted;
  if (info->bytes != state_.bytes || (comparable && !same)) {
    const std::uint64_t planned = state_.bytes;
    start_anew(planned);
    state_.upload_id.clear();
    state_.etag = info->etag;  // it was put just now, and may be replaced
    (void)save();
    return fail(Errc::io, "The object " + state_.target.object.text() + " (" + std::to_string(info->bytes) +
                              " bytes, ETag " + info->etag + ") is not what was sent (" +
                              std::to_string(planned) + " bytes, ETag " + expected +
                              "). The local file stays.");
  }
  state_.done = true;
  state_.verified = same;
  state_.etag = info->etag;
  state_.upload_id.clear();
  if (state_.upload_wanted)
    if (auto aborted = abort_strangers(context); !aborted) return aborted;
  state_.upload_wanted = false;
  return save();
}

}  // namespace rtpx::s3
