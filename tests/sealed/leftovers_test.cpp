// What a machine that has recorded still holds: nothing that opens the recording, and nothing of its media.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "sealed/sealed_files.hpp"
#include "support/captures.hpp"
#include "support/child.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;

/// Every byte that a process has mapped and can read, piece by piece.
void read_memory(pid_t process, const std::function<void(std::string_view)>& take) {
  const fs::path proc = "/proc/" + std::to_string(process);
  std::ifstream maps(proc / "maps");
  const int memory = ::open((proc / "mem").c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_GE(memory, 0) << "a parent may read its child's memory";
  std::string line, piece;
  while (std::getline(maps, line)) {
    unsigned long long from = 0, to = 0;
    char readable = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx %c", &from, &to, &readable) != 3 || readable != 'r') continue;
    constexpr std::size_t kPiece = 16U << 20, kOverlap = 64;
    for (unsigned long long at = from; at < to; at += kPiece) {
      piece.resize(std::min<unsigned long long>(kPiece + kOverlap, to - at));
      const ssize_t got = ::pread(memory, piece.data(), piece.size(), static_cast<off_t>(at));
      if (got > 0) take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    }
  }
  ::close(memory);
}

/// A file of /proc, whose size is not known before.
std::string read_proc(pid_t process, const char* name) {
  std::ifstream file("/proc/" + std::to_string(process) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The state letter of /proc/PID/stat.
char state_of(pid_t process) {
  const std::string stat = read_proc(process, "stat");
  const std::size_t end = stat.rfind(')');
  return end == std::string::npos ? '?' : stat[end + 2];
}

pid_t child_of_mine() {
  std::ifstream children("/proc/self/task/" + std::to_string(::gettid()) + "/children");
  pid_t child = 0;
  children >> child;
  return child;
}

TEST(Leftovers, AStoppedProcessHoldsNeitherMediaNorKeysOnceItsRecordingHasEnded) {
  const test::TempDir dir;
  const auto identity = Identity::generate();
  std::array<std::byte, 24> marker;
  sealed::fill_random(marker);
  std::string hex;
  for (const std::byte b : marker) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[u8(b) >> 4];
    hex += kDigits[u8(b) & 15];
  }
  const fs::path call = dir / "call";
  test::Child child({fs::read_symlink("/proc/self/exe").parent_path() / "marker_child", call,
                     identity->recipient().text(), hex});
  ASSERT_TRUE(child.wait_for("recorded"));
  const pid_t process = child_of_mine();
  ASSERT_GT(process, 0);
  while (state_of(process) != 'T') std::this_thread::sleep_for(std::chrono::milliseconds(1));

  ASSERT_TRUE(open_sealed(call, dir / "opened", {identity}));
  const std::string_view wanted = as_text(marker);
  ASSERT_NE(test::read_file(dir / "opened" / "camera.rtpx").find(wanted), std::string::npos)
      << "the marker was recorded, and the identity finds it";

  std::map<std::string, std::string> secrets{{"the marker", std::string(wanted)}};
  for (const auto& entry : fs::directory_iterator(call)) {
    const std::string bytes = test::read_file(entry.path());
    EXPECT_EQ(bytes.find(wanted), std::string::npos) << entry.path();
    const auto file = real_file_system().open(entry.path(), OpenMode::read);
    const auto header = sealed::read_file_header(**file, entry.path());
    ASSERT_TRUE(header);
    if (!*header) continue;  // recording.json
    for (const auto& place : (*header)->places)
      if (place)
        if (const auto key = sealed::unwrap(place->box, (*header)->id, *identity))
          secrets["the key of " + entry.path().filename().string()] = as_text(key->bytes);
  }
  EXPECT_GE(secrets.size(), 4U) << "marker, media, index, manifest";
  std::size_t bytes_seen = 0;
  read_memory(process, [&](std::string_view piece) {
    bytes_seen += piece.size();
    for (const auto& [what, secret] : secrets) EXPECT_EQ(piece.find(secret), std::string_view::npos) << what;
  });
  EXPECT_GT(bytes_seen, 1U << 20);
  for (const char* name : {"environ", "cmdline"}) {
    const std::string text = read_proc(process, name);
    EXPECT_FALSE(text.empty()) << name;
    for (const auto& [what, secret] : secrets) EXPECT_EQ(text.find(secret), std::string::npos) << what;
  }
  child.signal(SIGCONT);
  EXPECT_EQ(child.wait(), 0);
}

}  // namespace
}  // namespace rtpx
