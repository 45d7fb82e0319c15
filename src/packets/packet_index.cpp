#include "packets/packet_index.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "base/decoded_file.hpp"
#include "base/remote_file.hpp"
#include "packets/index_key.hpp"
#include "packets/scan_archive.hpp"
#include "rtpx/version.hpp"

namespace rtpx {
namespace {

// magic[8] | u32 format | u32 0 | u64 bytes of the body | MAC of the 24 bytes before | body | MAC of all before
constexpr std::string_view kIndexMagic = "RTPXPKT\n";
constexpr std::size_t kPacketIndexHead = 24, kMac = 32, kBodyAt = kPacketIndexHead + kMac;
/// Goes up whenever the body has another form, or the scan finds something else in the same packets.
constexpr std::uint32_t kIndexFormat = 3;
constexpr std::uint64_t kMostIndexBytes = 256U << 20;

constexpr std::chrono::nanoseconds kTick = std::chrono::milliseconds(50);  // of the system's file times, at most
constexpr std::chrono::nanoseconds kCoarseTick = std::chrono::milliseconds(2'100);

std::chrono::nanoseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

std::array<std::byte, kMac> mac_of(const IndexKey& key, Bytes bytes) {
  std::array<std::byte, kMac> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
       bytes.size(), reinterpret_cast<unsigned char*>(mac.data()), &size);
  return mac;
}

/// Whether the MAC behind the first `size` bytes is theirs.
bool is_authentic(const IndexKey& key, Bytes bytes, std::size_t size) {
  return CRYPTO_memcmp(mac_of(key, bytes.first(size)).data(), bytes.data() + size, kMac) == 0;
}

/// An object, by what its service calls its content. It is not opened: that would take requests.
bool add_object(ArchiveWriter& out, const TrackFiles& track, const std::filesystem::path& file) {
  const auto object = track.source->stat(file);
  if (!object || !*object || (*object)->version.empty()) return false;
  out(file.filename().string(), (*object)->size, (*object)->version);
  return true;
}

bool add_file(ArchiveWriter& out, IndexedState& state, const TrackFiles& track, const std::filesystem::path& file) {
  if (is_s3_url(file)) return add_object(out, track, file);
  const auto opened = track.source->open(file, OpenMode::read);
  struct stat now {};
  if (!opened || !as_stored(**opened) || ::stat(file.c_str(), &now) != 0 || !S_ISREG(now.st_mode)) return false;
  const auto modified = since_epoch(now.st_mtim), changed = since_epoch(now.st_ctim);
  state.changed = std::max(state.changed, changed);
  state.coarse = state.coarse || now.st_ctim.tv_nsec == 0;
  out(file.filename().string(), static_cast<std::uint64_t>(now.st_ino), static_cast<std::uint64_t>(now.st_size),
      modified.count(), changed.count());
  return true;
}

/// The whole body, if it is one of this user's.
std::optional<std::vector<std::byte>> read_body(const Recording& recording) {
  const std::filesystem::path path = recording.folder / kPacketIndexName;
  std::error_code failed;
  if (!is_s3_url(path) && !std::filesystem::is_regular_file(std::filesystem::symlink_status(path, failed)))
    return std::nullopt;
  const auto key = read_index_key();
  if (!key) return std::nullopt;
  const auto file = (is_s3_url(path) ? *recording.source : real_file_system()).open(path, OpenMode::read);
  const auto size = file ? (*file)->size() : Result<std::uint64_t>(0);
  if (!size || *size < kBodyAt + kMac || *size > kMostIndexBytes) return std::nullopt;
  // No memory is taken on a stranger's word.
  std::vector<std::byte> bytes(kBodyAt);
  auto got = (*file)->pread(bytes, 0);
  if (!got || *got != kBodyAt || as_text(Bytes(bytes).first(kIndexMagic.size())) != kIndexMagic ||
      load_be<std::uint32_t>(bytes.data() + 8) != kIndexFormat ||
      load_be<std::uint64_t>(bytes.data() + 16) != *size - kBodyAt - kMac || !is_authentic(*key, bytes, kPacketIndexHead))
    return std::nullopt;
  bytes.resize(static_cast<std::size_t>(*size));
  got = (*file)->pread(std::span(bytes).subspan(kBodyAt), kBodyAt);
  if (!got || *got != bytes.size() - kBodyAt || !is_authentic(*key, bytes, bytes.size() - kMac)) return std::nullopt;
  bytes.resize(bytes.size() - kMac);
  bytes.erase(bytes.begin(), bytes.begin() + kBodyAt);
  return bytes;
}

/// Where a layer of `scanned` is found again.
struct LayerPlace {
  std::uint64_t track = 0;
  std::uint8_t rid_index = 0;
};

template <class Archive>
void archive_scanned(Archive& with, ScannedRecording& scanned) {
  auto& [tracks, layers, zero_receive_ms, started, cuts, duration_ns, not_scanned] = scanned;
  for (TrackScan& track : tracks) with(track);
  std::uint64_t count = layers.size();
  with(count);
  for (std::size_t i = 0; i < count; ++i) {
    LayerPlace place;
    if constexpr (Archive::kReads) {
      if (!with.ok()) return;
      layers.emplace_back();
    } else {
      place = {static_cast<std::uint64_t>(layers[i].track - tracks.data()), layers[i].layer->rid_index};
    }
    with(place.track, place.rid_index);
    if constexpr (Archive::kReads) {
      if (place.track >= tracks.size()) return;
      layers[i].track = &tracks[place.track];
      const auto layer = tracks[place.track].layers.find(place.rid_index);
      if (layer == tracks[place.track].layers.end()) return;
      layers[i].layer = layer->second.get();
    }
    with(layers[i].maps, layers[i].zero_receive_ms, layers[i].track_end_ns);
  }
  with(zero_receive_ms, started, cuts, duration_ns);
}

bool is_complete(const ScannedRecording& scanned) {
  return std::ranges::all_of(scanned.layers, [](const PlacedLayer& layer) {
    return layer.layer != nullptr && layer.maps.size() == layer.layer->segments.size() && !layer.maps.empty() &&
           std::ranges::none_of(layer.maps, [](const SegmentMap& map) { return map.pieces.empty(); });
  });
}

}  // namespace

std::optional<IndexedState> indexed_state(const Recording& recording) {
  IndexedState state;
  ArchiveWriter out;
  Manifest manifest;
  out(std::string(version()), kIndexFormat, recording.cut_pauses);
  std::vector<Pause> pauses = recording.facts.pauses;
  out(pauses);
  for (const TrackFiles& track : recording.tracks) {
    manifest.emplace(track.track_id, track.track);
    out(track.track_id, track.missing, track.rtp.size(), track.rtcp.size());
    if (!track.source) return std::nullopt;
    for (const auto* files : {&track.rtp, &track.rtcp})
      for (const std::filesystem::path& file : *files)
        if (!add_file(out, state, track, file)) return std::nullopt;
  }
  out(serialize_manifest(manifest));
  state.text = as_text(out.bytes());
  return state;
}

std::chrono::nanoseconds unsettled_for(const IndexedState& state) {
  const std::chrono::nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
  const std::chrono::nanoseconds needed = state.coarse ? kCoarseTick : kTick;
  return std::clamp<std::chrono::nanoseconds>(state.changed + needed - now, {}, needed);
}

std::optional<ScannedRecording> read_packet_index(const Recording& recording, SpillFile& spill) {
  const auto body = read_body(recording);
  if (!body) return std::nullopt;
  const auto state = indexed_state(recording);
  if (!state) return std::nullopt;
  ArchiveReader in(*body);
  std::string speaks_of;
  in(speaks_of);
  if (speaks_of != state->text) return std::nullopt;
  ScannedRecording scanned;
  scanned.tracks.resize(recording.tracks.size());
  for (std::size_t i = 0; i < recording.tracks.size(); ++i) scanned.tracks[i].files = recording.tracks[i];
  archive_scanned(in, scanned);
  std::vector<std::byte> spilled;
  in(spilled, scanned.kept);
  if (!in.ok() || !in.at_end() || !is_complete(scanned)) return std::nullopt;
  if (!spill.restore(std::move(spilled))) return std::nullopt;
  return scanned;
}

Result<void> write_packet_index(const Recording& recording, const IndexedState& state, const ScannedRecording& scanned,
                                const ScannedRecording::Kept& kept, const SpillFile& spill) {
  const auto not_made = [&](const std::string& why) {
    return fail(Errc::unsupported, recording.name + " gets no packet index: " + why);
  };
  for (const TrackScan& track : scanned.tracks)
    for (const std::string& why : {track.read_error, track.rtcp_error, track.files.rtp.empty() ? "" : track.refused})
      if (!why.empty()) return not_made("track " + track.files.track_id + ": " + why);
  const auto key = make_index_key();
  if (!key) return std::unexpected(key.error());
  const auto spilled = spill.contents(kMostIndexBytes);
  if (!spilled) return std::unexpected(spilled.error());
  ArchiveWriter out;
  out.bytes().resize(kBodyAt);
  out(state.text);
  archive_scanned(out, const_cast<ScannedRecording&>(scanned));
  out(*spilled, kept);
  std::vector<std::byte>& bytes = out.bytes();
  if (bytes.size() + kMac > kMostIndexBytes) return not_made("it would have more than 256 MiB");
  std::memcpy(bytes.data(), kIndexMagic.data(), kIndexMagic.size());
  store_be(bytes.data() + 8, kIndexFormat);
  store_be(bytes.data() + 16, static_cast<std::uint64_t>(bytes.size() - kBodyAt));
  std::ranges::copy(mac_of(*key, Bytes(bytes).first(kPacketIndexHead)), bytes.begin() + kPacketIndexHead);
  const auto mac = mac_of(*key, bytes);
  bytes.insert(bytes.end(), mac.begin(), mac.end());
  if (indexed_state(recording) != state) return not_made("it has changed meanwhile");
  const std::filesystem::path path = recording.folder / kPacketIndexName;
  return write_file_atomically(is_s3_url(path) ? *recording.source : real_file_system(), path, bytes);
}

}  // namespace rtpx
