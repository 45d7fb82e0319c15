#include "s3/object_upload.hpp"

#include <algorithm>
#include <thread>
#include <utility>

namespace rtpx::s3 {
namespace {

constexpr int kLostUploads = 3;  // how often a server may forget a multipart upload

}  // namespace

ObjectUpload::ObjectUpload(Client& client, std::filesystem::path folder, std::string file, S3Url object)
    : client_(client), folder_(std::move(folder)), path_(folder_ / file) {
  auto known = load_object_state(folder_, file);
  if (known && known->object.bucket == object.bucket && known->object.key == object.key) {
    state_ = std::move(*known);
  } else {
    state_.object = std::move(object);
    state_.file = std::move(file);
  }
}

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
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path_, error);
  if (error) return {};  // removed after it was stored: nothing to compare
  std::vector<int> changed;
  for (const auto& [number, part] : state_.parts) {
    const std::uint64_t from = static_cast<std::uint64_t>(number - 1) * step;
    const std::uint64_t length = std::min(step, state_.bytes != 0 ? state_.bytes - from : step);
    if (from + length > bytes) {
      changed.push_back(number);
      continue;
    }
    const auto md5 = md5_of({path_, from, length});
    if (!md5) return std::unexpected(md5.error());
    if (*md5 != part.md5) changed.push_back(number);
  }
  if (!changed.empty() && state_.done) start_anew(bytes);
  for (const int number : changed) state_.parts.erase(number);
  return {};
}

Result<void> ObjectUpload::grow(std::uint64_t bytes, CallContext context) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t part_bytes = state_.part_bytes != 0 ? state_.part_bytes : client_.config().part_bytes;
  if (state_.done || bytes / part_bytes <= state_.parts.size() || bytes / part_bytes > kMaxParts) return {};
  if (auto compared = forget_changed_parts(); !compared) return compared;
  if (auto opened = open_upload(context); !opened) return opened;
  return put_parts(bytes / state_.part_bytes * state_.part_bytes, context, {});
}

Result<ObjectState> ObjectUpload::finish(CallContext context, const OnBytes& on_bytes) {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  const std::uint64_t bytes = std::filesystem::file_size(path_, error);
  if (error) {
    if (state_.done && state_.verified) return state_;  // stored and removed by an earlier run
    return fail(Errc::not_found, "Cannot upload " + path_.string() + ": " + error.message() + ".");
  }
  if (auto compared = forget_changed_parts(); !compared) return std::unexpected(compared.error());
  if (state_.done && state_.bytes == bytes && state_.verified) {
    if (on_bytes) on_bytes(bytes);
    return state_;
  }
  if (state_.done) start_anew(bytes);
  if (state_.bytes != 0 && state_.bytes != bytes && state_.part_bytes != 0)
    state_.parts.erase(static_cast<int>(state_.bytes / state_.part_bytes) + 1);  // was the last and shorter
  state_.bytes = bytes;
  if (state_.part_bytes != 0 && bytes > kMaxParts * state_.part_bytes)  // it grew larger than foreseen
    if (auto given_up = give_up_upload(context); !given_up) return std::unexpected(given_up.error());

  const bool at_once =
      state_.upload_id.empty() && !state_.upload_wanted && bytes <= client_.config().part_bytes;
  if (auto stored = at_once ? put_at_once(bytes, context, on_bytes) : put_multipart(bytes, context, on_bytes);
      !stored)
    return std::unexpected(stored.error());
  if (auto verified = verify(context); !verified) return std::unexpected(verified.error());
  return state_;
}

Result<void> ObjectUpload::put_at_once(std::uint64_t bytes, CallContext context, const OnBytes& on_bytes) {
  if (auto saved = save(); !saved) return saved;
  Md5 md5{};
  auto etag = client_.put(state_.object, FileRange{path_, 0, bytes}, md5, context);
  if (!etag) return std::unexpected(etag.error());
  state_.parts = {{1, {*etag, md5}}};
  state_.part_bytes = 0;
  if (on_bytes) on_bytes(bytes);
  return {};
}

/// The intent is on disk before the server is asked, so that an upload whose id was lost in a crash is found
/// again.
Result<void> ObjectUpload::open_upload(CallContext context) {
  if (!state_.upload_id.empty()) return {};
  if (state_.upload_wanted)
    if (auto aborted = abort_strangers(context); !aborted) return aborted;
  state_.upload_wanted = true;
  state_.parts.clear();
  state_.part_bytes = std::max<std::uint64_t>(client_.config().part_bytes, state_.bytes / kMaxParts + 1);
  if (auto saved = save(); !saved) return saved;
  auto created = client_.create_upload(state_.object, state_.part_bytes, context);
  if (!created) return std::unexpected(created.error());
  state_.upload_id = created->upload_id;
  state_.upload_wanted = created->tried_again;
  return save();
}

Result<void> ObjectUpload::give_up_upload(CallContext context) {
  if (!state_.upload_id.empty())
    if (auto aborted = client_.abort_upload(state_.object, state_.upload_id, context); !aborted)
      return aborted;
  state_.upload_id.clear();
  state_.parts.clear();
  return save();
}

Result<void> ObjectUpload::abort_strangers(CallContext context) {
  const auto open = client_.open_uploads(state_.object, context);
  if (!open && open.error().code == Errc::denied) return {};  // then the bucket's own rules must end them
  if (!open) return std::unexpected(open.error());
  for (const OpenUpload& upload : *open) {
    if (upload.key != state_.object.key || upload.upload_id == state_.upload_id) continue;
    if (auto aborted = client_.abort_upload(state_.object, upload.upload_id, context); !aborted)
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
      Md5 md5{};
      auto etag = client_.put_part(state_.object, state_.upload_id, number, range, md5, context);
      const std::lock_guard lock(state_mutex);
      if (etag) {
        state_.parts[number] = {*etag, md5};
        if (auto saved = save(); !saved) error = saved.error();
        if (on_bytes) on_bytes(range.length);
      } else if (!error) {
        error = etag.error();
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
  for (int lost = 0;; ++lost) {
    if (auto opened = open_upload(context); !opened) return opened;
    if (on_bytes && lost == 0)
      on_bytes(std::min<std::uint64_t>(bytes, state_.parts.size() * state_.part_bytes));
    auto stored = put_parts(bytes, context, on_bytes);
    if (stored) stored = complete(context);
    if (stored) return {};
    // The server no longer knows the upload id: aborted by a lifecycle rule, or completed by a call whose
    // answer was lost. verify() tells which; else begin again.
    if (stored.error().code != Errc::not_found || lost == kLostUploads) return stored;
    if (verify(context)) return {};
    state_.upload_id.clear();
    state_.parts.clear();
  }
}

Result<void> ObjectUpload::complete(CallContext context) {
  std::vector<std::string> etags;
  for (const auto& [number, part] : state_.parts) etags.push_back(part.etag);
  return client_.complete_upload(state_.object, state_.upload_id, etags, context);
}

Result<void> ObjectUpload::verify(CallContext context) {
  const auto info = client_.head(state_.object, context);
  if (!info) return std::unexpected(info.error());
  std::vector<Md5> sums;
  for (const auto& [number, part] : state_.parts) sums.push_back(part.md5);
  const std::string expected = sums.empty()             ? std::string()
                               : state_.part_bytes == 0 ? simple_etag(sums.front())
                                                        : multipart_etag(sums);
  const bool comparable = etag_is_md5(info->etag);
  if (info->bytes != state_.bytes || (comparable && info->etag != expected)) {
    const std::uint64_t planned = state_.bytes;
    start_anew(planned);
    state_.upload_id.clear();
    (void)save();
    return fail(Errc::io, "The object " + state_.object.text() + " (" + std::to_string(info->bytes) +
                              " bytes, ETag " + info->etag + ") is not what was sent (" +
                              std::to_string(planned) + " bytes, ETag " + expected +
                              "). The local file stays.");
  }
  state_.done = true;
  state_.verified = comparable;
  state_.upload_id.clear();
  if (state_.upload_wanted)
    if (auto aborted = abort_strangers(context); !aborted) return aborted;
  state_.upload_wanted = false;
  return save();
}

}  // namespace rtpx::s3
