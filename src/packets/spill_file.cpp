#include "packets/spill_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace rtpx {
namespace {

constexpr std::size_t kPendingBytes = 64U << 10;

Unexpected<Error> failure(const std::filesystem::path& folder, const char* what) {
  const int code = errno;
  return fail(code == ENOSPC || code == EDQUOT ? Errc::no_space : Errc::io,
              std::string(what) + " a temporary file in " + folder.string() + ": " + std::strerror(code));
}

}  // namespace

SpillFile::~SpillFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> SpillFile::open() {
  descriptor_ = ::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ >= 0) return {};
  std::string name = (folder_ / ".rtpx-healed-XXXXXX").string();  // file systems without O_TMPFILE
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) return failure(folder_, "cannot make");
  ::unlink(name.c_str());
  return {};
}

Result<std::uint64_t> SpillFile::append(Bytes packet) {
  const std::lock_guard lock(mutex_);
  if (descriptor_ < 0)
    if (auto opened = open(); !opened) return std::unexpected(opened.error());
  const std::uint64_t where = written_ + pending_.size();
  std::byte size[4];
  store_be(size, static_cast<std::uint32_t>(packet.size()));
  pending_.insert(pending_.end(), size, size + sizeof size);
  pending_.insert(pending_.end(), packet.begin(), packet.end());
  if (pending_.size() >= kPendingBytes)
    if (auto done = write_out(); !done) return std::unexpected(done.error());
  return where;
}

Result<void> SpillFile::write_out() {
  if (budget_ != nullptr)
    if (auto taken = budget_->take(pending_.size()); !taken) return taken;
  std::size_t done = 0;
  while (done < pending_.size()) {
    const ssize_t n = ::pwrite(descriptor_, pending_.data() + done, pending_.size() - done,
                               static_cast<off_t>(written_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failure(folder_, "cannot write");
    done += static_cast<std::size_t>(n);
  }
  written_ += done;
  pending_.clear();
  return {};
}

Result<std::vector<std::byte>> SpillFile::contents(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  if (written_ + pending_.size() > most)
    return fail(Errc::unsupported, "more than " + std::to_string(most >> 20) + " MiB of packets were given back");
  std::vector<std::byte> all(written_);
  for (std::size_t done = 0; done < all.size();) {
    const ssize_t n = ::pread(descriptor_, all.data() + done, all.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return failure(folder_, "cannot read");
    done += static_cast<std::size_t>(n);
  }
  all.insert(all.end(), pending_.begin(), pending_.end());
  return all;
}

Result<void> SpillFile::restore(std::vector<std::byte> contents) {
  const std::lock_guard lock(mutex_);
  pending_ = std::move(contents);
  if (pending_.size() < kPendingBytes) return {};
  auto done = open();
  if (done) done = write_out();
  if (!done) pending_.clear();
  return done;
}

Result<Bytes> SpillFile::read(std::uint64_t where, std::vector<std::byte>& buffer) const {
  const auto load = [&](std::uint64_t at, std::size_t bytes) -> Result<void> {
    buffer.resize(bytes);
    if (at >= written_) {
      const std::size_t from = at - written_;
      if (from + bytes > pending_.size()) return fail(Errc::internal, "a healed packet lies beyond its file");
      std::memcpy(buffer.data(), pending_.data() + from, bytes);
      return {};
    }
    for (std::size_t done = 0; done < bytes;) {
      const ssize_t n =
          ::pread(descriptor_, buffer.data() + done, bytes - done, static_cast<off_t>(at + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return failure(folder_, "cannot read");
      done += static_cast<std::size_t>(n);
    }
    return {};
  };
  const std::lock_guard lock(mutex_);
  if (auto head = load(where, 4); !head) return std::unexpected(head.error());
  const std::size_t size = load_be<std::uint32_t>(buffer.data());
  if (auto body = load(where + 4, size); !body) return std::unexpected(body.error());
  return Bytes(buffer);
}

}  // namespace rtpx
