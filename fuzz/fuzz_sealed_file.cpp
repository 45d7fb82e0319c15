// Sealed files, with a key that opens those of the corpus: whatever the bytes, what is read is what a block held that was
// sealed, nothing is read from outside, and what the file claims costs nothing.
#include "base/crc32c.hpp"
#include "memory_file.hpp"
#include "sealed/memory_file.hpp"
#include "sealed/sealed_files.hpp"

using namespace rtpx;

namespace {

// Of tests/data/sealed/alice.identity.
const char* const kIdentity = "RTPXSECRET1K9gGyX8OAK8aH8Myj6djqSaXI8jbj6xPk69x2xhtbpDgPHst";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto identity = Identity::parse(kIdentity, "the test's").value();
  const fuzz::MemoryFile file(Bytes(reinterpret_cast<const std::byte*>(data), size));
  const auto raw = real_file_system().open(file.path(), OpenMode::read);
  if (!raw) return 0;
  const auto header = sealed::read_file_header(**raw, "it");
  if (!header || !*header) return 0;
  const auto map = sealed::BlockMap::read(**raw, file.path(), **header, size);
  require(map.has_value());
  std::uint64_t plain = 0;
  for (const sealed::PlacedBlock& block : map->blocks()) {
    require(block.header.offset >= plain && block.at + sealed::BlockHeader::kBytes + block.header.length <= size);
    plain = block.header.offset + block.header.length;
    require(map->holds(block.header.offset) == &block);
  }
  require(sealed::check_blocks(**raw, *map, [](std::uint64_t) { return true; }).has_value());

  sealed::SealedFiles files(real_file_system(), {}, {identity});
  const auto opened = files.open(file.path(), OpenMode::read);
  if (!opened) return 0;
  const std::uint64_t bytes = (*opened)->size().value();
  std::vector<std::byte> piece(70'000);
  for (std::uint64_t at = 0; at < bytes && at < (1U << 20);) {
    const auto got = (*opened)->pread(piece, at);
    if (got) require(*got == std::min<std::uint64_t>(piece.size(), bytes - at));
    at += piece.size();
  }
  return 0;
}
