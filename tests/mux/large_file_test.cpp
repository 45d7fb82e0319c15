// Files beyond what 32 bits count.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <set>

extern "C" {
#include <libavformat/avformat.h>
}

#include "base/file_system.hpp"
#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

/// A file of which only the blocks are on disk in which something stands.
class HollowFile final : public File {
 public:
  explicit HollowFile(const std::filesystem::path& path)
      : fd_(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0640)) {}
  ~HollowFile() override { ::close(fd_); }
  Result<std::size_t> writev(std::span<const Bytes> parts) override {
    std::size_t count = 0;
    for (const Bytes part : parts) {
      put(part, size_);
      size_ += part.size();
      count += part.size();
    }
    EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(size_)), 0);
    return count;
  }
  Result<void> pwrite(Bytes bytes, std::uint64_t offset) override {
    put(bytes, offset);
    size_ = std::max(size_, offset + bytes.size());
    EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(size_)), 0);
    return {};
  }
  Result<std::size_t> pread(std::span<std::byte> to, std::uint64_t offset) const override {
    const ssize_t count = ::pread(fd_, to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0) return fail(Errc::io, "reading a hollow file");
    return static_cast<std::size_t>(count);
  }
  Result<void> sync() override { return {}; }
  Result<void> sync_range(std::uint64_t, std::uint64_t, RangeSync) override { return {}; }
  Result<void> truncate(std::uint64_t size) override {
    size_ = size;
    EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(size)), 0);
    return {};
  }
  Result<void> reserve(std::uint64_t) override { return {}; }
  bool preallocate(std::uint64_t) override { return false; }
  Result<std::uint64_t> size() const override { return size_; }
  Result<void> close() override { return {}; }

 private:
  static constexpr std::size_t kBlock = 4096;
  void put(Bytes bytes, std::uint64_t offset) {
    static constexpr std::array<std::byte, kBlock> kNothing{};
    while (!bytes.empty()) {
      const Bytes part = bytes.first(std::min<std::size_t>(bytes.size(), kBlock - offset % kBlock));
      const bool empty = std::memcmp(part.data(), kNothing.data(), part.size()) == 0;
      if (!empty || written_.contains(offset / kBlock)) {
        written_.insert(offset / kBlock);
        EXPECT_EQ(::pwrite(fd_, part.data(), part.size(), static_cast<off_t>(offset)),
                  static_cast<ssize_t>(part.size()));
      }
      offset += part.size();
      bytes = bytes.subspan(part.size());
    }
  }
  int fd_;
  std::uint64_t size_ = 0;
  std::set<std::uint64_t> written_;  // blocks
};

/// The operating system's, with hollow files.
class HollowFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::filesystem::path& path, OpenMode) override {
    return std::make_unique<HollowFile>(path);
  }
  Result<void> create_directory(const std::filesystem::path& path) override {
    return real_file_system().create_directory(path);
  }
  Result<void> create_directories(const std::filesystem::path& path) override {
    return real_file_system().create_directories(path);
  }
  Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_file_system().rename(from, to);
  }
  Result<void> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_file_system().link(from, to);
  }
  Result<void> remove(const std::filesystem::path& path) override { return real_file_system().remove(path); }
  Result<void> sync_directory(const std::filesystem::path&) override { return {}; }
  Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override {
    return real_file_system().list(path);
  }
  Result<std::optional<FileInfo>> stat(const std::filesystem::path& path) override {
    return real_file_system().stat(path);
  }
  Result<std::uint64_t> free_bytes(const std::filesystem::path& path) override {
    return real_file_system().free_bytes(path);
  }
};

std::uint64_t number_in(const std::uint8_t* data) {
  return load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(data));
}

// 4.3 GB of pictures that are empty but for their number, read by libavformat: co64, and an mdat with a size
// of 64 bits; the header in front moves all of it.
TEST(LargeFile, AnMp4OfMoreThanFourGibibytesIsReadToItsEnd) {
  constexpr std::size_t kPictureBytes = 32U << 20;
  constexpr std::int64_t kPictures = 132;
  const test::TempDir folder;
  const auto video = test::encode_video({.encoder = "libvpx-vp9", .frames = 1});
  const auto audio = test::encode_audio({.seconds = 6});
  HollowFiles files;
  auto muxer = open_muxer(Format::mp4, folder / "large.mp4", {video.track, audio.track}, {}, files);
  ASSERT_TRUE(muxer) << muxer.error().message;
  std::vector<std::byte> picture(kPictureBytes);
  std::size_t sound = 0;
  for (std::int64_t i = 0; i < kPictures; ++i) {
    store_be(picture.data(), static_cast<std::uint64_t>(i) + 1);
    const std::int64_t time = i * 40'000'000;
    for (; sound < audio.packets.size() && audio.packets[sound].time_ns <= time; ++sound)
      ASSERT_TRUE((*muxer)->write({.track = 1,
                                   .time_ns = audio.packets[sound].time_ns,
                                   .keyframe = true,
                                   .data = audio.packets[sound].data}));
    const auto written = (*muxer)->write({.time_ns = time, .keyframe = i == 0, .data = picture});
    ASSERT_TRUE(written) << written.error().message;
  }
  const auto finished = (*muxer)->finish();
  ASSERT_TRUE(finished) << finished.error().message;
  ASSERT_GT(std::filesystem::file_size(folder / "large.mp4"), std::uint64_t{1} << 32);

  AVFormatContext* input = nullptr;
  ASSERT_EQ(avformat_open_input(&input, (folder / "large.mp4").c_str(), nullptr, nullptr), 0);
  AVPacket* packet = av_packet_alloc();
  std::int64_t pictures = 0;
  std::size_t heard = 0;
  while (av_read_frame(input, packet) >= 0) {
    if (packet->stream_index == 0) {
      ++pictures;
      EXPECT_EQ(packet->size, static_cast<int>(kPictureBytes));
      EXPECT_EQ(number_in(packet->data), static_cast<std::uint64_t>(pictures));
      EXPECT_EQ(packet->pts, (pictures - 1) * 1920);
    } else {
      const auto& sent = audio.packets.at(heard++).data;
      ASSERT_EQ(packet->size, static_cast<int>(sent.size()));
      EXPECT_EQ(std::memcmp(packet->data, sent.data(), sent.size()), 0) << heard;
    }
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&input);
  EXPECT_EQ(pictures, kPictures);
  EXPECT_EQ(heard, sound);
}

}  // namespace
}  // namespace rtpx
