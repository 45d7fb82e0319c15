#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "recorder/started.hpp"
#include "support/fault_file_system.hpp"
#include "support/sealing.hpp"

namespace rtpx::test {

/// Recorders on a disk that fails as it is told to.
class FaultyDisk : public testing::Test {
 protected:
  Recorder::Options options() {
    Recorder::Options out;
    out.base_dir = "/disk/recordings";
    out.file_system = &disk;
    out.recipients = sealing_recipients();
    out.flush_interval = std::chrono::milliseconds(8);
    out.sync_interval = std::chrono::milliseconds(20);
    out.end_timeout = std::chrono::seconds(5);
    out.low_space_bytes = 0;
    out.full_space_bytes = 0;
    out.event_sink = [this](const Event& event) {
      const std::lock_guard lock(events_mutex);
      events.push_back(event);
    };
    return out;
  }
  template <typename T>
  std::vector<T> events_of() {
    std::vector<T> out;
    const std::lock_guard lock(events_mutex);
    for (const Event& event : events)
      if (const T* one = std::get_if<T>(&event)) out.push_back(*one);
    return out;
  }
  template <typename Condition>
  [[nodiscard]] static bool eventually(Condition&& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  std::string stored(const std::filesystem::path& file) { return unsealed(disk.content(file), file); }
  /// The packets of all files of a track, in order.
  std::vector<std::string> packets_of(const ManifestTrack& track) {
    std::vector<std::string> out;
    std::vector<std::string> files{track.location};
    files.insert(files.end(), track.more_locations.begin(), track.more_locations.end());
    for (const auto& file : files)
      for (const auto& record : records(stored(file))) out.push_back(record.packet);
    return out;
  }

  /// Lets calls that change something fail where `when` says so.
  void fail_when(std::function<bool(const FaultFileSystem::Call&)> when) {
    disk.set_hook([when = std::move(when)](const FaultFileSystem::Call& call) -> std::optional<Error> {
      if (!FaultFileSystem::changes(call.op) || !when(call)) return std::nullopt;
      return Error{Errc::io, "injected"};
    });
  }
  /// The names in a folder.
  std::set<std::string> names_in(const std::filesystem::path& folder) {
    std::set<std::string> out;
    for (const auto& entry : disk.list(folder).value_or(std::vector<DirectoryEntry>()))
      out.insert(entry.name);
    return out;
  }
  Manifest manifest_in(const std::filesystem::path& folder) {
    const auto manifest = parse_manifest(stored(folder / "manifest.json"));
    EXPECT_TRUE(manifest) << manifest.error().message;
    return manifest.value_or(Manifest());
  }
  /// Every record file of `folder` is named by the manifest in it, and what that names is there.
  void expect_all_named(const std::filesystem::path& folder) {
    std::set<std::string> named, there;
    for (const auto& [id, track] : manifest_in(folder)) {
      const std::vector<std::string> rtp = rtp_locations(track), rtcp = rtcp_locations(track);
      for (const std::filesystem::path location : rtp) named.insert(location.filename());
      for (const std::filesystem::path location : rtcp) named.insert(location.filename());
    }
    for (const std::string& name : names_in(folder))
      if (name.ends_with(".rtpx") || name.ends_with(".rtcpx")) there.insert(name);
    EXPECT_EQ(there, named) << folder;
  }

  FaultFileSystem disk;
  std::mutex events_mutex;
  std::vector<Event> events;
};

}  // namespace rtpx::test
